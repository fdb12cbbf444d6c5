"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), with the weights of its own wheel.

It is fine-tuned with its own trainer.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Collection, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.data import atomic_numbers
from chgnet.data.dataset import StructureData, collate_graphs
from chgnet.graph.crystalgraph import CrystalGraph
from chgnet.model.model import BatchedGraph, CHGNet
from chgnet.trainer import Trainer
from pymatgen.core import Lattice, Structure
from torch.utils.data import DataLoader

from ..storage import write_atomically
from . import batched
from .backends import get_backend
from .base import Evaluation

# Fixed beforehand, and stated in every result; Deng et al. (2025) fine-tune with Adam too.
EPOCHS = 20
LEARNING_RATE = 1e-3
BATCH_SIZE = 8
SETTINGS = {
    "trainer": "CHGNet's own, energies and forces",
    "epochs": f"{EPOCHS}, the last one stands: no frame is kept for early stopping",
    "optimizer": f"Adam, learning rate {LEARNING_RATE:g}, cosine decay",
    "batch": f"{BATCH_SIZE} frames",
    "loss": "MSE of energies per atom and of forces, weights 1 and 1",
    "offsets": "one an element, by least squares, before training",
}


class CHGNetCalculator(batched.BatchedCalculator):
    """A CHGNet model as an ASE calculator."""

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "magmoms"]
    bytes_per_edge = 80_000

    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        # Crystals have a graph each, and molecules one together, which comes last.
        joined = np.array([self.model.mlp_first and not a.pbc.any() for a in images], bool)
        crystals = list(compress(images, ~joined))
        molecules = list(compress(images, joined))
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
        back = np.argsort(np.argsort(joined, kind="stable"))
        return [results[k] for k in back]

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


def fine_tune(
    calculator: CHGNetCalculator, frames: Sequence[Atoms], *, seed: int = 0
) -> CHGNetCalculator:
    """Return a calculator whose model went on learning from labelled frames, as `SETTINGS` say.

    ``frames`` have energies (eV) and forces (eV/Å, constraints not applied) in their calculators;
    ``seed`` is that of their order. A constant for each element is added to the model's own atomic
    energies first, so that another zero of energy needs no training. `InputError` for no frames,
    or one without energy or forces.
    """
    if not frames:
        raise InputError("no frames to learn from; give at least one")
    for k, atoms in enumerate(frames):
        if atoms.calc is None or not {"energy", "forces"} <= atoms.calc.results.keys():
            raise InputError(f"frame {k} has no energy and forces to learn from")
    model = copy.deepcopy(calculator.model).requires_grad_(True)
    _shift_atomic_energies(model, calculator, frames)
    torch.manual_seed(seed)
    with batched.upstream_quiet():
        data = StructureData(
            structures=[to_structure(a) for a in frames],
            energies=[a.calc.results["energy"] / len(a) for a in frames],
            forces=[a.calc.results["forces"] for a in frames],
            graph_converter=model.graph_converter,
            shuffle=False,
        )
        # converted once and not each epoch
        graphs = [data[k] for k in range(len(frames))]
        loader = DataLoader(graphs, BATCH_SIZE, shuffle=True, collate_fn=collate_graphs)
        trainer = Trainer(
            model,
            targets="ef",
            optimizer="Adam",
            scheduler="CosLR",
            criterion="MSE",
            epochs=EPOCHS,
            learning_rate=LEARNING_RATE,
            use_device=calculator.device,
        )
        model.composition_model.requires_grad_(False)
        for epoch in range(EPOCHS):
            trainer.starting_epoch, trainer.epochs = epoch, epoch + 1
            trainer.train(loader, [], save_dir="")  # nothing to validate on, nothing to write
    return CHGNetCalculator(
        model.eval().requires_grad_(False),
        device=calculator.device,
        dtype=calculator.dtype,
        cutoff=calculator.cutoff,
        elements=calculator.elements,
    )


def save(calculator: CHGNetCalculator, path: Path) -> None:
    """Write the model as CHGNet does; ``get_calculator("chgnet:PATH")`` reads it."""
    buffer = io.BytesIO()
    torch.save({"model": calculator.model.as_dict()}, buffer)
    write_atomically(path, buffer.getvalue())


def _shift_atomic_energies(
    model: CHGNet, calculator: CHGNetCalculator, frames: Sequence[Atoms]
) -> None:
    """Add constants of elements, those of least norm where the frames do not fix them."""
    found = calculator.evaluate_batch([batched.bare(a) for a in frames], ["energy"])
    missing = np.array(
        [(a.calc.results["energy"] - e.energy) / len(a) for a, e in zip(frames, found, strict=True)]
    )
    numbers = sorted({int(z) for a in frames for z in a.numbers})
    counts = np.array([[np.mean(a.numbers == z) for z in numbers] for a in frames])
    constants = np.linalg.lstsq(counts, missing, rcond=None)[0]
    weights = model.composition_model.fc.weight
    with torch.no_grad():
        for z, constant in zip(numbers, constants, strict=True):
            weights[0, z - 1] += constant
