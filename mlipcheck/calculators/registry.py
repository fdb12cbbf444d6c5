"""From a name to a calculator: what is known, what is installed, how it is loaded."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ase.calculators.calculator import BaseCalculator, CalculatorSetupError, InputError

from ..results import CalculatorInfo


@dataclass(frozen=True)
class Checkpoint:
    """One set of weights: what it was trained on, and how its energies are to be read.

    ``energy_convention`` is ``raw`` (total energies as the code printed them), ``mp2020``
    (Materials Project corrections included) or ``own`` (a zero of its own).
    """

    name: str
    level_of_theory: str
    energy_convention: str
    licence: str


@dataclass(frozen=True)
class Backend:
    """A row of the registry.

    Attributes
    ----------
    loader : str
        ``module:function``, called as ``function(checkpoint, device=..., dtype=..., **options)``.
    package : str or None
        The module and distribution that must be installed, None for what comes with mlipcheck.
    checkpoints : tuple of Checkpoint
        The first is the default.
    dtypes : tuple of str
        What it can compute in, the default first.
    takes_path, takes_options : bool
        Whether a checkpoint may also be a file, and whether the loader has options.
    cutoff, bond_scale : float or None
        Å; see `CalculatorInfo`.
    """

    name: str
    loader: str
    summary: str
    citation: str
    checkpoints: tuple[Checkpoint, ...] = ()
    package: str | None = None
    extra: str | None = None
    dtypes: tuple[str, ...] = ("float64",)
    takes_path: bool = False
    takes_options: bool = False
    cutoff: float | None = None
    bond_scale: float | None = None

    @property
    def installed(self) -> bool:
        return self.package is None or importlib.util.find_spec(self.package) is not None

    @property
    def version(self) -> str | None:
        """The version of the package, None where it is not installed."""
        if not self.installed:
            return None
        return importlib.metadata.version(self.package or "mlipcheck")

    @property
    def pip_line(self) -> str | None:
        """What to type to install it, None where nothing is missing."""
        return f'python -m pip install "mlipcheck[{self.extra}]"' if self.extra else None


TOY = "Morse curve, D_e = 1.0 eV, a = 1.7 1/Å, r0 = 1.1 Å"

BACKENDS = (
    Backend(
        name="toy",
        loader="mlipcheck.calculators.toy:load",
        summary="RBF-ridge pair potential fitted to a Morse curve; soft, wide (not soft), exact",
        citation="Morse, Phys. Rev. 34, 57 (1929)",
        checkpoints=tuple(Checkpoint(n, TOY, "own", "MIT") for n in ("soft", "wide", "exact")),
        bond_scale=1.42,
    ),
    Backend(
        name="chgnet",
        loader="mlipcheck.calculators.chgnet:load",
        summary="CHGNet, a charge-informed universal potential; weights in its wheel",
        citation="Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi 10.1038/s42256-023-00716-3",
        checkpoints=(
            Checkpoint("0.3.0", "PBE / PBE+U (MPtrj)", "mp2020", "BSD-3-Clause-LBNL"),
            Checkpoint("0.2.0", "PBE / PBE+U (MPtrj)", "mp2020", "BSD-3-Clause-LBNL"),
            Checkpoint("r2scan", "r2SCAN (MP-r2SCAN)", "own", "BSD-3-Clause-LBNL"),
        ),
        package="chgnet",
        extra="chgnet",
        dtypes=("float32",),
        takes_path=True,
        cutoff=6.0,
    ),
    Backend(
        name="ase",
        loader="mlipcheck.calculators.ase_builtin:load",
        summary="ASE's own calculators by name: ase:emt, ase:lj, ase:morse, ...",
        citation="Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017)",
        package="ase",
        takes_options=True,
    ),
)


def list_backends() -> list[Backend]:
    """Return every known backend, installed or not."""
    return list(BACKENDS)


def get_backend(name: str) -> Backend:
    """Return the row of a backend; `InputError` lists the known ones."""
    for backend in list_backends():
        if backend.name == name:
            return backend
    known = ", ".join(b.name for b in list_backends())
    raise InputError(f"no backend is called {name!r}; known: {known}")


def get_calculator(
    spec: str, *, device: str = "auto", dtype: str | None = None, **options: Any
) -> BaseCalculator:
    """Return the ASE calculator of a name.

    Parameters
    ----------
    spec : str
        ``backend`` or ``backend:checkpoint``: ``toy``, ``toy:wide``, ``chgnet:r2scan``,
        ``ase:emt``.
    device : str
        ``auto`` takes a GPU where the backend can use one.
    dtype : str, optional
        ``float32`` or ``float64``, where the model offers the choice.
    **options
        Passed to the backend's loader, which refuses what it does not know.

    Raises
    ------
    InputError
        For an unknown backend, checkpoint or option.
    CalculatorSetupError
        Where the package is missing (with the pip line), or a checkpoint cannot be read.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        raise InputError(f"device is {device!r}; give auto, cpu, cuda or cuda:0")
    name, _, checkpoint = spec.partition(":")
    backend = get_backend(name)
    known = [c.name for c in backend.checkpoints]
    if not checkpoint and not known:
        raise InputError(f"{spec!r} names no calculator; give {name}:NAME, as in {name}:emt")
    checkpoint = checkpoint or known[0]
    if (
        known
        and checkpoint not in known
        and not (backend.takes_path and Path(checkpoint).is_file())
    ):
        also = ", or the path of a file" if backend.takes_path else ""
        raise InputError(
            f"{name} has no checkpoint {checkpoint!r}; known: {', '.join(known)}{also}"
        )
    if options and not backend.takes_options:
        raise InputError(f"{name} takes no options, got {', '.join(sorted(options))}")
    dtype = dtype or backend.dtypes[0]
    if dtype not in backend.dtypes:
        raise InputError(f"dtype is {dtype!r}; {name} computes in {', '.join(backend.dtypes)}")
    if not backend.installed:
        raise CalculatorSetupError(
            f"{name} needs the package {backend.package}, which is not installed; "
            f"type: {backend.pip_line}"
        )
    module, _, function = backend.loader.partition(":")
    load = getattr(importlib.import_module(module), function)
    try:
        calculator: BaseCalculator = load(checkpoint, device=device, dtype=dtype, **options)
    except (CalculatorSetupError, MemoryError):
        raise
    except Exception as error:  # somebody else's constructor, with the user's words
        given = "".join(f", {key}={value!r}" for key, value in options.items())
        raise CalculatorSetupError(
            f"{spec} could not be set up with device={device!r}{given} "
            f"({type(error).__name__}: {error})"
        ) from error
    facts = {c.name: c for c in backend.checkpoints}.get(checkpoint)
    path = getattr(calculator, "checkpoint_path", None)
    calculator.mlipcheck_info = CalculatorInfo(
        spec=spec,
        backend=name,
        version=backend.version,
        checkpoint=checkpoint,
        checkpoint_sha256=None if path is None else _sha256(path),
        level_of_theory=facts.level_of_theory if facts else None,
        energy_convention=facts.energy_convention if facts else None,
        cutoff=getattr(calculator, "cutoff", None) or backend.cutoff,
        bond_scale=backend.bond_scale,
        **_numerics(calculator),
    )
    return calculator


def describe(calculator: BaseCalculator) -> CalculatorInfo:
    """Return what is known of a calculator; of a stranger, its class."""
    info = getattr(calculator, "mlipcheck_info", None)
    if isinstance(info, CalculatorInfo):
        return replace(info, **_numerics(calculator))
    cls = type(calculator)
    return CalculatorInfo(spec=f"{cls.__module__}.{cls.__qualname__}", **_numerics(calculator))


def _numerics(calculator: BaseCalculator) -> dict[str, Any]:
    found = {name: getattr(calculator, name, None) for name in ("dtype", "device")}
    return {name: None if value is None else str(value) for name, value in found.items()}


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
