"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), with the weights of its own wheel."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import chgnet
import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import CalculatorSetupError, InputError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from chgnet.graph.crystalgraph import CrystalGraph
from chgnet.model.model import CHGNet
from pymatgen.core import Lattice, Structure

from ..results import Evaluation
from .base import StrictCalculator
from .pair_potential import check_geometry

HEAVIEST = 94  # Pu, the last element that CHGNet embeds

CHECKPOINTS = {
    "0.3.0": "0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar",
    "0.2.0": "0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar",
    "r2scan": "r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar",
}


class CHGNetCalculator(StrictCalculator):
    """A CHGNet model under ASE's contract, one structure or many at a time.

    Parameters
    ----------
    model : chgnet.model.model.CHGNet
    device : str
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "magmoms"]
    dtype = "float32"

    def __init__(self, model: CHGNet, device: str = "cpu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model.to(device)
        self.device = device
        self.checkpoint_path: Path | None = None
        self.cutoff = float(model.graph_converter.atom_graph_cutoff)
        # An atom without neighbours has an energy of its own, and is no error.
        model.graph_converter.set_isolated_atom_response("ignore")

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        # All at once: ASE asks for the forces next, and a second pass would cost more.
        found = self.evaluate_batch([self.atoms], self.implemented_properties)[0]
        self.results = {
            name: value
            for name in self.implemented_properties
            if (value := getattr(found, name, None)) is not None
        }
        self.results["free_energy"] = found.energy

    def evaluate_batch(
        self, images: Sequence[Atoms], properties: Sequence[str]
    ) -> list[Evaluation]:
        """Evaluate ``images`` in one forward and one backward pass."""
        for atoms in images:
            check_geometry(atoms)
            if not ((atoms.numbers >= 1) & (atoms.numbers <= HEAVIEST)).all():
                raise InputError("CHGNet knows the elements from H to Pu; another one is there")
        molecules = [a for a in images if not a.pbc.any()] if self.model.mlp_first else []
        crystals = [a for a in images if a.pbc.any() or not self.model.mlp_first]
        wants_stress = "stress" in properties and any(a.pbc.all() for a in crystals)
        with _upstream_warnings_ignored():
            graphs = [self.model.graph_converter(_structure(atoms)) for atoms in crystals]
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
        per_molecule = iter(_of_molecules(molecules, rows[-1]))
        joined = {id(a) for a in molecules}
        return [next(per_molecule if id(a) in joined else per_crystal) for a in images]

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
        graph = self.model.graph_converter(_structure(Atoms(numbers, positions=apart)))
        graph.atom_frac_coord = torch.tensor(
            np.concatenate(own), dtype=graph.lattice.dtype, requires_grad=True
        )
        return graph

    def _of_crystal(self, atoms: Atoms, row: dict[str, np.ndarray]) -> Evaluation:
        per_structure = len(atoms) if self.model.is_intensive else 1
        stress = None
        if "s" in row and atoms.pbc.all():
            stress = full_3x3_to_voigt_6_stress(row["s"] * units.GPa)
        return Evaluation(
            energy=float(row["e"]) * per_structure,
            forces=row["f"],
            stress=stress,
            energies=row.get("site_energies"),
            magmoms=row.get("m"),
        )


def _of_molecules(molecules: Sequence[Atoms], row: dict[str, np.ndarray]) -> list[Evaluation]:
    """Cut the joined graph's row into its molecules."""
    if not molecules:
        return []
    ends = np.cumsum([len(a) for a in molecules])[:-1]
    parts = {key: np.split(row[key], ends) for key in ("f", "site_energies", "m") if key in row}
    return [
        Evaluation(
            energy=float(parts["site_energies"][k].sum(dtype=float)),
            forces=parts["f"][k],
            energies=parts["site_energies"][k],
            magmoms=parts["m"][k] if "m" in parts else None,
        )
        for k in range(len(molecules))
    ]


def load(checkpoint: str, *, device: str, dtype: str) -> CHGNetCalculator:
    """Return the calculator of a checkpoint of the wheel, or of a file that CHGNet saved.

    Raises
    ------
    CalculatorSetupError
        For a file that is not there or is not a CHGNet model.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    package = Path(chgnet.__file__).parent
    path = package / "pretrained" / CHECKPOINTS[checkpoint] if checkpoint in CHECKPOINTS else None
    with contextlib.redirect_stdout(io.StringIO()), _upstream_warnings_ignored():
        if path is not None:
            model = CHGNet.load(model_name=checkpoint, use_device=device, verbose=False)
        else:
            path = Path(checkpoint)
            try:
                model = CHGNet.from_file(str(path))
            except Exception as error:
                raise CalculatorSetupError(
                    f"{path} is not a CHGNet checkpoint ({type(error).__name__}: {error}); "
                    f"known names: {', '.join(CHECKPOINTS)}"
                ) from error
    # Forces need gradients of the positions only; those of the weights would cost a fifth more.
    calculator = CHGNetCalculator(model.requires_grad_(False), device)
    calculator.checkpoint_path = path
    return calculator


def _structure(atoms: Atoms) -> Structure:
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
