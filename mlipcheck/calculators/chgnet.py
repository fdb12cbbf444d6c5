"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), with the weights of its own wheel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms, units
from ase.data import atomic_numbers
from chgnet.graph.crystalgraph import CrystalGraph
from chgnet.model.model import CHGNet
from pymatgen.core import Lattice, Structure

from . import batched
from .backends import get_backend
from .records import Evaluation


class CHGNetCalculator(batched.BatchedCalculator):
    """A CHGNet model as an ASE calculator."""

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "magmoms"]
    bytes_per_edge = 210_000

    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        # Crystals have a graph each, and molecules one together, which comes last.
        alone = [bool(a.pbc.any()) or not self.model.mlp_first for a in images]
        crystals = [a for a, one in zip(images, alone, strict=True) if one]
        molecules = [a for a, one in zip(images, alone, strict=True) if not one]
        wants_stress = "stress" in properties
        with batched.upstream_quiet():  # of gradients that nothing uses, and of noble gases
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
        sizes = [len(a) if self.model.is_intensive else 1 for a in crystals]
        energies = [float(row["e"]) * n for row, n in zip(rows, sizes, strict=False)]
        if molecules:
            starts = np.cumsum([0] + [len(a) for a in molecules])[:-1]
            energies += list(np.add.reduceat(rows[-1]["site_energies"].astype(float), starts))
        stresses = None
        if wants_stress:
            # CHGNet's volume, and so its stress, changes sign with a left-handed cell.
            pairs = zip(rows, crystals, strict=False)
            stresses = np.array([row["s"] * a.cell.handedness * units.GPa for row, a in pairs])

        def joined(name: str) -> Any:
            return np.concatenate([row[name] for row in rows]) if name in rows[0] else None

        per_atom = (joined("site_energies"), joined("m"))
        both = [*crystals, *molecules]
        results = batched.split_batch(both, energies, joined("f"), stresses, *per_atom)
        first = iter(results[: len(crystals)])
        last = iter(results[len(crystals) :])
        return [next(first if one else last) for one in alone]

    def _joined_graph(self, molecules: Sequence[Atoms]) -> CrystalGraph:
        """Return one graph of many molecules, none of which sees another: a graph has fixed costs.

        They stand apart while neighbours are looked for, and go back to the origin of their own
        before the model sees them: all are in one vacuum, where float32 is finest.
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


def load(checkpoint: str, *, device: str, dtype: str) -> CHGNetCalculator:
    """Return the calculator of a checkpoint of the wheel, or of a file that CHGNet saved."""
    device = batched.choose_device(device)
    known = {c.name: c.path for c in get_backend("chgnet").checkpoints}
    path = known.get(checkpoint, Path(checkpoint))
    with batched.reading(path, "CHGNet checkpoint"), batched.weights_only():
        if checkpoint in known:
            model = CHGNet.load(model_name=checkpoint, use_device=device, verbose=False)
        else:
            model = CHGNet.from_file(str(path))
    # An atom without neighbours has an energy of its own, which is not an error.
    model.graph_converter.set_isolated_atom_response("ignore")
    # Forces need gradients of the positions only; those of the weights would cost a fifth more.
    return CHGNetCalculator(
        model.to(device).requires_grad_(False),
        device=device,
        dtype=dtype,
        cutoff=float(model.graph_converter.atom_graph_cutoff),
        elements=range(1, atomic_numbers["Pu"] + 1),
        checkpoint_path=path,
    )


def to_structure(atoms: Atoms) -> Structure:
    """Return pymatgen's structure of a crystal or molecule."""
    # Directions without a cell vector get a unit one, and pymatgen's neighbour search does not
    # look along directions that are not periodic: a molecule needs no box.
    lattice = Lattice(atoms.cell.complete()[:], pbc=tuple(bool(p) for p in atoms.pbc))
    return Structure(lattice, atoms.numbers, atoms.positions, coords_are_cartesian=True)
