"""SevenNet (Park et al., J. Chem. Theory Comput. 20, 4857 (2024))."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from . import batched
from .base import Evaluation

with batched.upstream_quiet():
    from sevenn import _keys as key
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.checkpoint import SevenNetCheckpoint
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from sevenn.util import pretrained_name_to_path
    from torch_geometric.data import Batch

# Beside weights a checkpoint has its settings, in which there are arrays of numbers; by the names
# that NumPy 1 and 2 write.
_MAKERS: tuple[Any, ...] = (np.zeros(0).__reduce__()[0], np.float64(0).__reduce__()[0])
ARRAYS = (
    *((m, f"numpy.{core}.multiarray.{m.__name__}") for m in _MAKERS for core in ("core", "_core")),
    *(np.ndarray, np.dtype),
    *(type(np.dtype(name)) for name in ("bool", "int32", "int64", "float32", "float64")),
)

# SevenNet writes xx yy zz xy yz zx, and the pressure's sign.
TO_ASE = [0, 1, 2, 4, 5, 3]


# The levels of theory of the heads of multi-fidelity models, as level_of_theory.py reads them.
LEVELS = {"PBE": "PBE / PBE+U (MPtrj)", "R2SCAN": "r2SCAN", "mpa": "PBE / PBE+U (MPtrj)"}


class SevenNetCalculator(batched.BatchedCalculator):
    """A SevenNet model as an ASE calculator; ``modal`` is the head of a multi-fidelity model."""

    modal: str | None = None
    level_of_theory: str | None = None

    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        graphs = [
            AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(atoms, self.cutoff))
            for atoms in images
        ]
        if self.modal is not None:
            for graph in graphs:
                graph[key.DATA_MODALITY] = self.modal
        output = self.model(Batch.from_data_list(graphs).to(self.device))
        names = (key.PRED_TOTAL_ENERGY, key.PRED_FORCE, key.PRED_STRESS, key.ATOMIC_ENERGY)
        energies, forces, stresses, sites = (batched.to_numpy(output[name]) for name in names)
        return batched.split_batch(images, energies, forces, -stresses[:, TO_ASE], np.ravel(sites))


def load(
    checkpoint: str, *, device: str, dtype: str, modal: str | None = None
) -> SevenNetCalculator:
    """Return the calculator of a checkpoint that SevenNet knows by name, or of a file."""
    path = batched.find_checkpoint(
        "sevennet",
        checkpoint,
        "github.com/MDIL-SNU/SevenNet/releases",
        lambda _: pretrained_name_to_path(checkpoint),
    )
    device = batched.choose_device(device)
    with batched.reading(path, "SevenNet checkpoint"), batched.weights_only(*ARRAYS):
        saved = SevenNetCheckpoint(path)
        model = saved.build_model()
    known = sorted(model.modal_map or ())
    if modal not in (known or [None]):
        choice = f"give one of modal={', modal='.join(known)}" if known else "it has none"
        raise InputError(f"{checkpoint}: modal is {modal!r}; {choice}")
    model.eval_type_map = True
    model.eval_modal_map = bool(known)
    model.set_is_batch_data(True)
    # Forces need gradients of the positions only.
    model.to(device).eval().requires_grad_(False)
    calculator = SevenNetCalculator(
        model,
        device=device,
        dtype=dtype,
        cutoff=float(model.cutoff),
        elements=model.type_map,
        checkpoint_path=path,
    )
    # measured: 136 kB for 7net-0 (l up to 2), 310 kB for 7net-l3i5 (up to 3)
    calculator.bytes_per_edge = 20_000 * (saved.config[key.LMAX] + 1) ** 2
    calculator.modal = modal
    calculator.level_of_theory = LEVELS.get(modal or "")
    return calculator
