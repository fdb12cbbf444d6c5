"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), with the weights of its own wheel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from chgnet.graph.crystalgraph import CrystalGraph
from chgnet.model.model import BatchedGraph, CHGNet
from pymatgen.core import Lattice, Structure

from . import batched
from .backends import get_backend
from .records import Evaluation


class CHGNetCalculator(batched.BatchedCalculator):
    """A CHGNet model as an ASE calculator."""

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "magmoms"]
    bytes_per_edge = 80_000

    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        # Crystals have a graph each, and molecules one together, which comes last.
        alone = [bool(a.pbc.any()) or not self.model.mlp_first for a in images]
        crystals = [a for a, one in zip(images, alone, strict=True) if one]
        molecules = [a for a, one in zip(images, alone, strict=True) if not one]
        with batched.upstream_quiet():  # of noble gases
            graphs = [self.model.graph_converter(to_structure(atoms)) for atoms in crystals]
            if molecules:
                graphs.append(self._joined_graph(molecules))
            found = self._predict(graphs, {*properties, *["energies"] * bool(molecules)})
        sizes = [len(a) if self.model.is_intensive else 1 for a in crystals]
        energies = [float(e) * n for e, n in zip(found["e"], sizes, strict=False)]
        if molecules:
            starts = np.cumsum([0] + [len(a) for a in molecules])[:-1]
            own = found["site_energies"][-sum(map(len, molecules)) :].astype(float)
            energies += list(np.add.reduceat(own, starts))
        rest = (found.get(name) for name in ("s", "site_energies", "m"))
        results = batched.split_batch([*crystals, *molecules], energies, found["f"], *rest)
        first = iter(results[: len(crystals)])
        last = iter(results[len(crystals) :])
        return [next(first if one else last) for one in alone]

    def _predict(self, graphs: list[CrystalGraph], wanted: Collection[str]) -> dict[str, Any]:
        """Return what ``predict_graph`` does, joined, stresses (n_graphs, 3, 3) in eV/Å^3.

        CHGNet's own goes back through the model twice, for forces and for stresses, and keeps what
        a third time, in training, would need.
        """
        model, stress = self.model, "stress" in wanted
        graphs = [graph.to(self.device) for graph in graphs]
        batch = BatchedGraph.from_graphs(
            graphs,
            bond_basis_expansion=model.bond_basis_expansion,
            angle_basis_expansion=model.angle_basis_expansion,
            compute_stress=stress,
        )
        found = model._compute(
            batch,
            compute_magmom="magmoms" in wanted,
            return_site_energies="energies" in wanted,
        )
        n_atoms = found["atoms_per_graph"] if model.is_intensive else 1
        inputs = [*batch.atom_positions, *(batch.strains if stress else ())]
        gradients = torch.autograd.grad((found["e"] * n_atoms).sum(), inputs)
        joined = {"e": found["e"], "f": -torch.cat(gradients[: len(graphs)])}
        joined |= {name: torch.cat(found[name]) for name in ("m", "site_energies") if name in found}
        if model.composition_model is not None:
            joined["e"] = joined["e"] + model.composition_model(graphs)
            if "site_energies" in found:
                own = model.composition_model.get_site_energies(graphs)
                joined["site_energies"] = joined["site_energies"] + torch.cat(own)
        if stress:  # the volume of a left-handed cell is negative
            joined["s"] = torch.stack(gradients[len(graphs) :]) / batch.volumes.abs()[:, None, None]
        return {name: batched.to_numpy(tensor) for name, tensor in joined.items()}

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
        model.to(device).eval().requires_grad_(False),
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
