"""MatterSim (Yang et al., arXiv 2405.04967), whose M3GNet checkpoints are downloads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import CalculatorSetupError
from ase.stress import full_3x3_to_voigt_6_stress

from .base import brief
from .batched import (
    BatchedCalculator,
    choose_device,
    find_checkpoint,
    split_batch,
    upstream_quiet,
    weights_only,
)
from .records import Evaluation

with upstream_quiet():
    from loguru import logger
    from mattersim.datasets.utils.converter import create_batch_graph_dict
    from mattersim.forcefield.potential import Potential
    from mattersim.utils.download_utils import download_checkpoint

logger.disable("mattersim")  # it logs to stdout


class MatterSimCalculator(BatchedCalculator):
    """A MatterSim potential under ASE's contract."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]
    bytes_per_edge = 70_000

    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        # MatterSim's neighbour search wants the same periodic directions in a whole batch.
        boxes = [_periodic(atoms, 2 * self.cutoff) for atoms in images]
        cells = np.array([atoms.cell[:] for atoms in boxes])
        settings = {"dtype": getattr(torch, self.dtype), "device": self.device}
        counts = torch.tensor([len(atoms) for atoms in boxes], device=self.device)
        graph = create_batch_graph_dict(
            pos=torch.tensor(np.concatenate([a.positions for a in boxes]), **settings),
            cell=torch.tensor(cells, **settings),
            atomic_numbers=torch.tensor(
                np.concatenate([a.numbers for a in boxes]), device=self.device
            ),
            num_atoms=counts,
            twobody_cutoff=self.cutoff,
            threebody_cutoff=self.model.model.model_args["threebody_cutoff"],
        )
        wants_stress = "stress" in properties and any(a.pbc.all() for a in images)
        found = self.model(graph, include_forces=True, include_stresses=wants_stress)
        numbers = {name: value.detach().cpu().numpy() for name, value in found.items()}
        stresses = None
        if wants_stress:
            # MatterSim divides by det(cell), which is negative for a left-handed cell.
            handed = np.sign(np.linalg.det(cells)).astype(self.dtype)[:, None, None]
            stresses = np.array(
                [full_3x3_to_voigt_6_stress(s) for s in numbers["stresses"] * handed * units.GPa]
            )
        return split_batch(images, numbers["total_energy"], numbers["forces"], stresses)


def _periodic(atoms: Atoms, vacuum: float) -> Atoms:
    """Return a copy that is periodic in all directions, with ``vacuum`` (Å) in the added ones."""
    cell = atoms.cell.copy()
    cell[~atoms.pbc] = 0
    cell = cell.complete()
    for k in np.flatnonzero(~atoms.pbc):
        cell[k] *= np.ptp(atoms.positions @ cell[k]) + vacuum
    boxed = Atoms(atoms.numbers, atoms.positions, cell=cell, pbc=True)
    boxed.wrap()
    return boxed


def load(checkpoint: str, *, device: str, dtype: str) -> MatterSimCalculator:
    """Return the calculator of ``1M``, ``5M``, or a file that MatterSim saved.

    Raises
    ------
    CalculatorSetupError
        For a file that is no MatterSim checkpoint, or one that could not be fetched.
    """
    device = choose_device(device)
    path = find_checkpoint(
        "mattersim",
        checkpoint,
        "github.com/microsoft/mattersim, folder pretrained_models",
        lambda path: download_checkpoint(path.name, save_folder=str(path.parent)),
    )
    try:
        with upstream_quiet(), weights_only():
            # absolute, since MatterSim takes a bare name for one of its own downloads
            potential = Potential.from_checkpoint(
                str(path.resolve()), device=device, load_training_state=False
            )
    except Exception as error:
        raise CalculatorSetupError(
            f"{path} is not a MatterSim checkpoint ({brief(error)})"
        ) from error
    potential.model.to(getattr(torch, dtype)).eval().requires_grad_(False)
    return MatterSimCalculator(
        potential,
        device=device,
        dtype=dtype,
        cutoff=float(potential.model.model_args["cutoff"]),
        elements=range(1, potential.model.max_z + 1),
        checkpoint_path=path,
    )
