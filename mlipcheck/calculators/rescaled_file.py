"""The file of a rescaled calculator, as a backend: its base, its factor, its energies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ase.calculators.calculator import CalculatorSetupError

from .base import read_literal
from .registry import check_safe, checksum, get_calculator
from .rescaled import SCHEMA, RescaledCalculator

# What a file must have, and as what; `fit` beside it is for people.
CONTENT: dict[str, type | tuple[type, ...]] = {
    "base": str,
    "options": dict,
    "dtype": (str, type(None)),
    "checkpoint_sha256": (str, type(None)),
    "factor": (int, float),
    "reference_energy": dict,
}


def load(checkpoint: str, *, device: str, dtype: str | None) -> RescaledCalculator:
    """Return the calculator of a file that `RescaledCalculator.save` wrote.

    ``device`` and ``dtype`` are its base's; without a ``dtype`` it is that of the file.

    Raises
    ------
    CalculatorSetupError
        For another file, for a base that a file may not name or that cannot be loaded, and,
        before anything of it is loaded, for a checkpoint that is not the one of the factor.
    """
    path = Path(checkpoint)
    content = _read(path)
    spec = content["base"]
    options = {name: read_literal(value) for name, value in content["options"].items()}
    try:
        file = check_safe(spec, options)
        found = None if file is None else checksum(file)
        expected = content["checkpoint_sha256"]
        if found != expected:
            raise CalculatorSetupError(
                f"the checkpoint of {spec} is {_short(found)}, the factor is that of "
                f"{_short(expected)}; find that checkpoint, or fit the factor anew"
            )
        base = get_calculator(spec, device=device, dtype=dtype or content["dtype"], **options)
        calculator = RescaledCalculator(base, content["factor"], content["reference_energy"])
    except CalculatorSetupError as error:
        raise type(error)(f"{path}: {error}") from error
    calculator.checkpoint_path = path
    return calculator


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a file; what else it holds is of no interest."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CalculatorSetupError(f"{path} is not JSON ({error})") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise CalculatorSetupError(f"{path}: schema is {schema!r}, expected {SCHEMA!r}")
    for name, kind in CONTENT.items():
        if name not in content:
            raise CalculatorSetupError(f"{path} has no {name!r}; write it anew with save()")
        if not isinstance(content[name], kind):
            raise CalculatorSetupError(f"{path}: {name} is {content[name]!r}; write it anew")
    return dict(content)


def _short(checksum: str | None) -> str:
    return "no file" if checksum is None else f"sha256 {checksum[:12]}"
