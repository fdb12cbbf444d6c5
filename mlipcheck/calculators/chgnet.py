"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), with the weights of its own wheel."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import CalculatorSetupError
from ase.stress import full_3x3_to_voigt_6_stress
from chgnet.graph.crystalgraph import CrystalGraph
from chgnet.model.model import CHGNet
from pymatgen.core import Lattice, Structure

from .backends import get_backend
from .base import brief
from .batched import (
    BatchedCalculator,
    choose_device,
    split_batch,
    up_to,
    upstream_quiet,
    weights_only,
)
from .records import Evaluation


class CHGNetCalculator(BatchedCalculator):
    """A CHGNet model under ASE's contract."""

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "magmoms"]
    bytes_per_edge = 210_000

    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        alone = [bool(a.pbc.any()) or not self.model.mlp_first for a in images]
        crystals = [a for a, one in zip(images, alone, strict=True) if one]
        molecules = [a for a, one in zip(images, alone, strict=True) if not one]
        wants_stress = "stress" in properties and any(a.pbc.all() for a in crystals)
        with _upstream_warnings_ignored():
            graphs = [self.model.graph_converter(to_structure(atoms)) for atoms in crystals]
            if molecules:
                graphs.append(self._joined_graph(molecules))
            found = self.model.predict_graph(
                graphs,
                task="efsm" if "magmoms" in properties else "efs" if wants_stress else "ef",
                return_site_energies=bool(molecules) or "energies" in properties,
                batch_size=len(graphs),
            )
        rows = [found] if len(graphs) == 1 else found
        per_crystal = iter(map(self._of_crystal, crystals, rows))
        per_molecule = iter(_of_molecules(molecules, rows[-1]) if molecules else ())
        return [next(per_crystal if one else per_molecule) for one in alone]

    def _joined_graph(self, molecules: Sequence[Atoms]) -> CrystalGraph:
        """Return one graph of many molecules, none of which sees another.

        They stand apart while neighbours are looked for, and go back to the origin of their own
        before the model sees them: all are in one vacuum, where float32 is finest. A graph for
        each would cost CHGNet's fixed work a graph as often, several times that of a dimer.
        """
        own = [a.positions - a.positions.mean(axis=0) for a in molecules]
        widths = np.array([np.ptp(x[:, 0]) for x in own])
        starts = np.concatenate([[0], np.cumsum(widths + 2 * self.cutoff)[:-1]])
        shifts = [np.array([at - x[:, 0].min(), 0, 0]) for x, at in zip(own, starts, strict=True)]
        apart = np.concatenate([x + shift for x, shift in zip(own, shifts, strict=True)])
        numbers = np.concatenate([a.numbers for a in molecules])
        graph = self.model.graph_converter(to_structure(Atoms(numbers, positions=apart)))
        graph.atom_frac_coord = torch.tensor(
            np.concatenate(own), dtype=graph.lattice.dtype, requires_grad=True
        )
        return graph

    def _of_crystal(self, atoms: Atoms, row: dict[str, np.ndarray]) -> Evaluation:
        per_structure = len(atoms) if self.model.is_intensive else 1
        stress = None
        if "s" in row and atoms.pbc.all():
            # CHGNet's volume, and so its stress, changes sign with a left-handed cell.
            handed = float(np.sign(np.linalg.det(atoms.cell[:])))
            stress = full_3x3_to_voigt_6_stress(row["s"] * handed * units.GPa)
        return Evaluation(
            energy=float(row["e"]) * per_structure,
            forces=row["f"],
            stress=stress,
            energies=row.get("site_energies"),
            magmoms=row.get("m"),
        )


def _of_molecules(molecules: list[Atoms], row: dict[str, np.ndarray]) -> list[Evaluation]:
    starts = np.cumsum([0] + [len(a) for a in molecules])[:-1]
    energies = np.add.reduceat(row["site_energies"].astype(float), starts)
    return split_batch(
        molecules, energies, row["f"], site_energies=row["site_energies"], magmoms=row.get("m")
    )


def load(checkpoint: str, *, device: str, dtype: str) -> CHGNetCalculator:
    """Return the calculator of a checkpoint of the wheel, or of a file that CHGNet saved.

    Raises
    ------
    CalculatorSetupError
        For a file that is not a CHGNet model.
    """
    device = choose_device(device)
    known = {c.name: c.path for c in get_backend("chgnet").checkpoints}
    path = known.get(checkpoint, Path(checkpoint))
    try:
        with upstream_quiet(), weights_only():
            if checkpoint not in known:
                model = CHGNet.from_file(str(path))
            else:
                model = CHGNet.load(model_name=checkpoint, use_device=device, verbose=False)
    except Exception as error:
        raise CalculatorSetupError(f"{path} is not a CHGNet checkpoint ({brief(error)})") from error
    # An atom without neighbours has an energy of its own, and is no error.
    model.graph_converter.set_isolated_atom_response("ignore")
    # Forces need gradients of the positions only; those of the weights would cost a fifth more.
    return CHGNetCalculator(
        model.to(device).requires_grad_(False),
        device=device,
        dtype=dtype,
        cutoff=float(model.graph_converter.atom_graph_cutoff),
        elements=up_to("Pu"),
        checkpoint_path=path,
    )


def to_structure(atoms: Atoms) -> Structure:
    """Return pymatgen's structure of a crystal or molecule."""
    # Directions without a cell vector get a unit one, and pymatgen's neighbour search does not
    # look along directions that are not periodic: a molecule needs no box.
    lattice = Lattice(atoms.cell.complete()[:], pbc=tuple(bool(p) for p in atoms.pbc))
    return Structure(lattice, atoms.numbers, atoms.positions, coords_are_cartesian=True)


@contextlib.contextmanager
def _upstream_warnings_ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        # CHGNet 0.4 makes a tensor of volumes that carry a gradient; nothing here uses that one.
        warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
        # pymatgen says so of noble gases, whose electronegativity no potential asks for.
        warnings.filterwarnings("ignore", message="No Pauling electronegativity")
        yield
