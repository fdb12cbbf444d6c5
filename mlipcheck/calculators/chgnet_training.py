"""Fine-tuning of CHGNet with its own trainer."""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import InputError
from chgnet.data.dataset import StructureData, collate_graphs
from chgnet.model.model import CHGNet
from chgnet.trainer import Trainer
from torch.utils.data import DataLoader

from ..storage import write_atomically
from .batched import bare, upstream_quiet
from .chgnet import CHGNetCalculator, to_structure

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
    with upstream_quiet():
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
    found = calculator.evaluate_batch([bare(a) for a in frames], ["energy"])
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
