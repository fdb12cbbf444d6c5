"""MatterSim (Yang et al., arXiv 2405.04967), whose M3GNet checkpoints are downloads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms, units

from . import batched
from .base import Evaluation
from .neighbours import closed_box

with batched.upstream_quiet():
    from loguru import logger
    from mattersim.datasets.utils.converter import create_batch_graph_dict
    from mattersim.forcefield.potential import Potential
    from mattersim.utils.download_utils import download_checkpoint

logger.disable("mattersim")  # it logs to stdout


class MatterSimCalculator(batched.BatchedCalculator):
    """A MatterSim potential as an ASE calculator."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]
    bytes_per_edge = 70_000

    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        # MatterSim's neighbour search wants the same periodic directions in a whole batch.
        boxes = [_periodic(atoms, 2 * self.cutoff) for atoms in images]
        settings = {"dtype": getattr(torch, self.dtype), "device": self.device}
        numbers = np.concatenate([a.numbers for a in boxes])
        graph = create_batch_graph_dict(
            pos=torch.tensor(np.concatenate([a.positions for a in boxes]), **settings),
            cell=torch.tensor(np.array([a.cell[:] for a in boxes]), **settings),
            atomic_numbers=torch.tensor(numbers, device=self.device),
            num_atoms=torch.tensor([len(a) for a in boxes], device=self.device),
            twobody_cutoff=self.cutoff,
            threebody_cutoff=self.model.model.model_args["threebody_cutoff"],
        )
        wants_stress = "stress" in properties
        output = self.model(graph, include_forces=True, include_stresses=wants_stress)
        found = {name: batched.to_numpy(value) for name, value in output.items()}
        stresses = None
        if wants_stress:
            # MatterSim divides by det(cell), which is negative for a left-handed cell.
            handed = np.array([a.cell.handedness for a in boxes], self.dtype)[:, None, None]
            stresses = found["stresses"] * handed * units.GPa
        return batched.split_batch(images, found["total_energy"], found["forces"], stresses)


def _periodic(atoms: Atoms, vacuum: float) -> Atoms:
    """Return a copy that is periodic in all directions, with ``vacuum`` (Å) in the added ones."""
    boxed = Atoms(atoms.numbers, atoms.positions, cell=closed_box(atoms, vacuum), pbc=True)
    boxed.wrap()
    return boxed


def load(checkpoint: str, *, device: str, dtype: str) -> MatterSimCalculator:
    """Return the calculator of ``1M``, ``5M``, or a file that MatterSim saved."""
    device = batched.choose_device(device)
    path = batched.find_checkpoint(
        "mattersim",
        checkpoint,
        "github.com/microsoft/mattersim, folder pretrained_models",
        lambda path: download_checkpoint(path.name, save_folder=str(path.parent)),
    )
    with batched.reading(path, "MatterSim checkpoint"), batched.weights_only():
        # absolute, since MatterSim takes a bare name for one of its own downloads
        potential = Potential.from_checkpoint(
            str(path.resolve()), device=device, load_training_state=False
        )
    potential.model.to(getattr(torch, dtype)).eval().requires_grad_(False)
    return MatterSimCalculator(
        potential,
        device=device,
        dtype=dtype,
        cutoff=float(potential.model.model_args["cutoff"]),
        elements=range(1, potential.model.max_z + 1),
        checkpoint_path=path,
    )
