"""What the adapters of real models share: batches, checked input, checkpoints, quiet loading."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pickle
import re
import sys
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, InputError
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress

from .backends import get_backend
from .base import Evaluation, StrictCalculator, brief
from .neighbours import check_geometry, near_home


class BatchedCalculator(StrictCalculator):
    """A model that evaluates many structures at once; a single one is a batch of one.

    Subclasses define ``_evaluate_batch``, which may rely on what ``evaluate_batch`` has checked.

    Parameters
    ----------
    model : object
        The package's own, which computes on ``device`` in ``dtype``.
    cutoff : float
        Range of one interaction in Å.
    elements : iterable of int
        The atomic numbers that the model knows.
    checkpoint_path : Path, optional
        The file that the weights came from.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]
    # Memory that one directed edge takes, forward and backward, in bytes; measured by adapters.
    bytes_per_edge = 50_000

    def __init__(
        self,
        model: Any,
        *,
        device: str,
        dtype: str,
        cutoff: float,
        elements: Iterable[int],
        checkpoint_path: Path | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.device = device
        self.dtype = dtype
        self.cutoff = cutoff
        self.elements = frozenset(elements)
        self.checkpoint_path = checkpoint_path

    def compute(self, atoms: Atoms, properties: Sequence[str]) -> dict[str, Any]:
        # All at once: ASE asks for the forces next, and a second pass would cost more.
        (found,) = self.evaluate_batch([atoms], self.implemented_properties)
        results = {name: value for name, value in vars(found).items() if value is not None}
        return results | {"free_energy": found.energy}

    def evaluate_batch(
        self, images: Sequence[Atoms], properties: Sequence[str]
    ) -> list[Evaluation]:
        """Evaluate ``images`` in one forward and one backward pass.

        Raises
        ------
        InputError
            For what `check_geometry` refuses, or an element that the model has not seen.
        """
        for atoms in images:
            check_geometry(atoms)
            unknown = set(atoms.numbers.tolist()) - self.elements
            if unknown:
                raise InputError(
                    f"{type(self).__name__} does not know {chemical_symbols[min(unknown)]}; "
                    f"it knows {len(self.elements)} elements"
                )
        crystals = [bool(atoms.pbc.all()) for atoms in images]
        wanted = [name for name in properties if name != "stress" or any(crystals)]
        found = self._evaluate_batch([near_home(a, self.cutoff) for a in images], wanted)
        # what got a box only here has no stress
        return [
            e if crystal else replace(e, stress=None)
            for crystal, e in zip(crystals, found, strict=True)
        ]

    @abstractmethod
    def _evaluate_batch(self, images: list[Atoms], properties: Sequence[str]) -> list[Evaluation]:
        """Return energies and at least ``properties`` of structures that the model can take."""


def split_batch(
    images: Sequence[Atoms],
    energies: Sequence[float] | np.ndarray,
    forces: np.ndarray,
    stresses: np.ndarray | None = None,
    site_energies: np.ndarray | None = None,
    magmoms: np.ndarray | None = None,
) -> list[Evaluation]:
    """Cut what a model returned for a batch into its structures.

    ``energies`` (n_structures,), ``forces`` (n_atoms of all, 3), ``stresses`` (n_structures, 3, 3)
    or in Voigt order (n_structures, 6), ``site_energies`` and ``magmoms`` (n_atoms of all,), in
    ASE's units. Only a cell that is periodic in three directions has a stress.
    """
    ends = np.cumsum([len(atoms) for atoms in images])[:-1]
    if stresses is not None and stresses.ndim == 3:
        stresses = full_3x3_to_voigt_6_stress(stresses)

    per_atom = {"forces": forces, "energies": site_energies, "magmoms": magmoms}
    parts: dict[str, Any] = {n: np.split(x, ends) for n, x in per_atom.items() if x is not None}
    return [
        Evaluation(
            energy=float(energies[k]),
            stress=stresses[k] if stresses is not None and atoms.pbc.all() else None,
            **{name: own[k] for name, own in parts.items()},
        )
        for k, atoms in enumerate(images)
    ]


def to_numpy(tensor: Any) -> Any:
    """Return what a model computed as an array, None where it did not."""
    return None if tensor is None else tensor.detach().cpu().numpy()


def bare(atoms: Atoms) -> Atoms:
    """Return the structure alone, without the labels and charges that packages read."""
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def choose_device(device: str) -> str:
    """Return the device, for ``auto`` a GPU where there is one; an absent one is an error."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = device.partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": torch.backends.mps.is_available()}
    if int(index or 0) >= there[kind]:
        raise CalculatorSetupError(f"device is {device!r}, which torch does not find; give cpu")
    return device


@contextlib.contextmanager
def upstream_quiet() -> Iterator[None]:
    """Keep stdout and the warning filters clean of what a package does while it loads."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


@contextlib.contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Read a checkpoint quietly; a file that is not ``kind`` is a `CalculatorSetupError`."""
    try:
        with upstream_quiet():
            yield
    except Exception as error:
        raise CalculatorSetupError(f"{path} is not a {kind} ({brief(error)})") from error


@contextlib.contextmanager
def weights_only(*allowed: Any) -> Iterator[None]:
    """Let `torch.load` make tensors, plain containers and ``allowed``, and run nothing of a file.

    A file that holds more is a `pickle.UnpicklingError`, whatever the package asks of torch and
    the user's environment says.
    """
    import torch

    names = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ[names[0]] = "1"
    try:
        with torch.serialization.safe_globals(list(allowed)):
            yield
    except pickle.UnpicklingError as error:  # torch goes on to explain how to run it all the same
        found = re.search(r"GLOBAL (\S+)", str(error))
        names_it = f"it names {found[1]}, which weights do not need" if found else "not weights"
        raise pickle.UnpicklingError(f"{names_it}; nothing of it was run") from error
    finally:
        os.environ.pop(names[0], None)
        os.environ.update(before)


def find_checkpoint(
    backend: str, checkpoint: str, source: str, fetch: Callable[[Path], object]
) -> Path:
    """Return the file of a checkpoint: the path itself, or found locally, or fetched now.

    ``fetch`` is called with where the file is to be, and prints to stderr. Where it fails, a
    `CalculatorSetupError` says which file to put where.
    """
    # a name goes before a file that happens to be called the same
    known = {c.name: c for c in get_backend(backend).checkpoints}
    if checkpoint not in known:
        return Path(checkpoint)
    path = known[checkpoint].path
    if path.is_file():
        return path
    try:
        with contextlib.redirect_stdout(sys.stderr):
            fetch(path)
    except BaseException as error:
        # half a file, of a Ctrl-C too, would be taken for a checkpoint the next time
        path.unlink(missing_ok=True)
        if not isinstance(error, Exception):
            raise
        raise CalculatorSetupError(
            f"{path.name} is not in {path.parent} and could not be fetched "
            f"({brief(error, 80)}); get it from {source} and put it there"
        ) from error
    return known[checkpoint].path
