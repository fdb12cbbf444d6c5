"""Hold your own calculators to the contract in your own tests; needs pytest.

from ase.calculators.emt import EMT
from mlipcheck.testing import parametrize_with_checks

@parametrize_with_checks([EMT(), "toy", "my_package.models:load"])
def test_contract(calculator, check):
check(calculator)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError

from .calculators.backends import list_backends
from .calculators.registry import describe, get_calculator
from .checks.interface import check_calculator, expected_failures_of, iter_checks

Candidate: TypeAlias = BaseCalculator | str | Callable[[], BaseCalculator]


@dataclass(frozen=True)
class Promise:
    """One check, called with what was listed: a calculator, its name, or what makes one."""

    name: str
    elements: tuple[str, ...] | None = None

    def __call__(self, calculator: Candidate) -> None:
        """Raise `AssertionError` where the check fails, and skip where it does not apply."""
        (result,) = check_calculator(
            _resolve(calculator), checks=[self.name], elements=self.elements, expected_failures={}
        )
        if result.status == "not applicable":
            pytest.skip(result.message)
        assert result.status == "passed", f"{result.question}: {result.message}"


def parametrize_with_checks(
    calculators: Sequence[Candidate],
    *,
    elements: Sequence[str] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrize a test of ``calculator`` and ``check`` with every check for every calculator.

    Parameters
    ----------
    calculators : sequence
        ASE calculators; names that `get_calculator` knows, loaded when the first test runs and
        skipped where they cannot be; or functions that return a calculator.
    elements : sequence of str, optional
        As for `check_calculator`.
    expected_failures : mapping of str to str, optional
        Checks that are known to fail, with the reason: a strict xfail, so that a fixed fault is
        noticed. Those of a known backend's row are added to these.

    Returns
    -------
    pytest.MarkDecorator
    """
    chosen = None if elements is None else tuple(elements)
    return pytest.mark.parametrize(
        ("calculator", "check"),
        [
            pytest.param(
                calculator,
                Promise(check.name, chosen),
                id=f"{_name_of(calculator)}-{check.name}",
                marks=_marks(calculator, check.name, expected_failures or {}),
            )
            for calculator in calculators
            for check in iter_checks()
        ],
    )


def _marks(calculator: Candidate, check: str, own: Mapping[str, str]) -> tuple[Any, ...]:
    expected = {**_known_failures(calculator), **own}
    if check not in expected:
        return ()
    return (pytest.mark.xfail(strict=True, reason=expected[check]),)


def _known_failures(calculator: Candidate) -> Mapping[str, str]:
    """Return the failures of a row, of a name too, without loading what it names."""
    if isinstance(calculator, BaseCalculator):
        info = describe(calculator)
        return expected_failures_of(info.backend, info.checkpoint)
    if isinstance(calculator, str):
        backend, _, checkpoint = calculator.partition(":")
        rows = {b.name: b.checkpoints for b in list_backends()}
        first = next((c.name for c in rows.get(backend, ())), None)
        return expected_failures_of(backend, checkpoint or first)
    return {}


def _name_of(calculator: Candidate) -> str:
    if isinstance(calculator, str):
        return calculator
    if isinstance(calculator, BaseCalculator):
        return describe(calculator).spec.rpartition(".")[2]
    return getattr(calculator, "__name__", type(calculator).__name__)


def _resolve(calculator: Candidate) -> BaseCalculator:
    if isinstance(calculator, BaseCalculator):
        return calculator
    return _load(calculator)


@functools.cache
def _load(calculator: str | Callable[[], BaseCalculator]) -> BaseCalculator:
    if not isinstance(calculator, str):
        return calculator()
    try:
        return get_calculator(calculator)
    except CalculatorSetupError as error:
        # a misspelt name is the test's own mistake, and a package that is not there is not
        if type(error) is not CalculatorSetupError:
            raise
        pytest.skip(str(error))
