"""MACE (Batatia et al., NeurIPS 35, 11423 (2022); MACE-MP-0: arXiv 2401.00096)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from ase import Atoms
from ase.calculators.calculator import InputError

from . import batched
from .base import Evaluation

with batched.upstream_quiet():
    # before e3nn, whose pinned version otherwise fails under torch 2.6 and newer
    import mace.data
    from mace.calculators.foundations_models import download_mace_mp_checkpoint, mace_mp_urls
    from mace.tools import torch_geometric
    from mace.tools.utils import AtomicNumberTable


# What a model's classes are from; the globals that torch trusts are not asked for.
PACKAGES = (
    "mace",
    "e3nn",
    "torch",
    "numpy",
    "opt_einsum_fx",
    "cuequivariance",
    "cuequivariance_torch",
)


class MACECalculator(batched.BatchedCalculator):
    """A MACE model as an ASE calculator; ``head`` is one of the model's ``heads``."""

    bytes_per_edge = 120_000
    head = "Default"
    heads: Sequence[str] = ("Default",)

    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        table = AtomicNumberTable(sorted(self.elements))
        with _default_dtype(self.dtype):
            graphs = [
                mace.data.AtomicData.from_config(
                    mace.data.config_from_atoms(batched.bare(atoms), head_name=self.head),
                    z_table=table,
                    cutoff=self.cutoff,
                    heads=list(self.heads),
                )
                for atoms in images
            ]
            batch = torch_geometric.Batch.from_data_list(graphs).to(self.device)
            output = self.model(batch.to_dict(), compute_stress="stress" in properties)
        names = ("energy", "forces", "stress", "node_energy")
        energies, forces, stresses, sites = (batched.to_numpy(output[name]) for name in names)
        return batched.split_batch(images, energies, forces, stresses, sites)


@contextlib.contextmanager
def _default_dtype(dtype: str | None = None) -> Iterator[None]:
    """Make ``dtype`` torch's default, and leave the default as it was; MACE's own may not."""
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(getattr(torch, dtype) if dtype else before)
        yield
    finally:
        torch.set_default_dtype(before)


def _check_structure(path: Path) -> None:
    """Raise for a file that is not a MACE model by the names in it, before it is unpickled.

    That keeps out mistakes, not malice: a model is Python objects, and loading it runs its code.
    """
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    others = [n for n in names if n.partition(".")[0] not in PACKAGES and n != "builtins.slice"]
    if others:
        raise ValueError(f"it names {min(others)}, which no model needs; nothing of it was run")
    if not any(n.startswith("mace.modules.") for n in names):
        raise ValueError("none of MACE's classes is in it")


def load(checkpoint: str, *, device: str, dtype: str, head: str | None = None) -> MACECalculator:
    """Return the calculator of a checkpoint that ``mace_mp`` knows by name, or of a file."""
    source = mace_mp_urls.get(checkpoint, "")
    path = batched.find_checkpoint(
        "mace", checkpoint, source, lambda _: download_mace_mp_checkpoint(checkpoint)
    )
    device = batched.choose_device(device)
    with batched.reading(path, "MACE model"), _default_dtype():
        _check_structure(path)
        model = torch.load(path, map_location=device, weights_only=False)
        elements = [int(z) for z in model.atomic_numbers]
        cutoff = float(model.r_max)
    heads = list(getattr(model, "heads", None) or ["Default"])
    own = [h for h in heads if len(heads) == 1 or h.lower() == "default"]
    head = head or "".join(own[:1])
    if head not in heads:
        raise InputError(f"{checkpoint}: head is {head or None!r}; give one of {', '.join(heads)}")
    model.to(device=device, dtype=getattr(torch, dtype)).eval().requires_grad_(False)
    calculator = MACECalculator(
        model, device=device, dtype=dtype, cutoff=cutoff, elements=elements, checkpoint_path=path
    )
    calculator.head, calculator.heads = head, heads
    return calculator
