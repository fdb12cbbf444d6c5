"""The interface tests, for your own calculators in your own tests; needs pytest.

from ase.calculators.emt import EMT
from mlipcheck.testing import parametrize_with_checks

@parametrize_with_checks([EMT(), "toy", "my_package.models:load"])
def test_interface(calculator, check):
    check(calculator)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import pytest
from ase.calculators.calculator import BaseCalculator, CalculatorSetupError

from .calculators.backends import list_backends
from .calculators.registry import describe, get_calculator
from .checks.interface.suite import check_calculator, expected_failures_of, iter_checks

Candidate: TypeAlias = BaseCalculator | str | Callable[[], BaseCalculator]


def parametrize_with_checks(
    calculators: Sequence[Candidate],
    *,
    elements: Sequence[str] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrize a test of ``calculator`` and ``check``: every test for every calculator.

    Parameters
    ----------
    calculators : sequence
        ASE calculators; names that `get_calculator` knows, loaded when the first test runs and
        skipped where they cannot be; or functions that return a calculator.
    elements : sequence of str, optional
        As for `check_calculator`.
    expected_failures : mapping of str to str, optional
        Tests that are known to fail, with the reason: a strict xfail, so that a fixed fault is
        noticed. Those of a known backend's row are added to these.

    Returns
    -------
    pytest.MarkDecorator
    """
    cases = []
    for calculator in calculators:
        name, known = _name_and_failures(calculator)
        known = {**known, **(expected_failures or {})}
        for check in (c.name for c in iter_checks()):
            marks = [pytest.mark.xfail(strict=True, reason=known[check])] if check in known else []
            test = functools.partial(_run, check, elements)
            cases.append(pytest.param(calculator, test, id=f"{name}-{check}", marks=marks))
    return pytest.mark.parametrize(("calculator", "check"), cases)


def _run(check: str, elements: Sequence[str] | None, calculator: Candidate) -> None:
    """Raise `AssertionError` where the test fails, and skip where it does not apply."""
    made = calculator if isinstance(calculator, BaseCalculator) else _load(calculator)
    (result,) = check_calculator(made, checks=[check], elements=elements, expected_failures={})
    if result.status == "not applicable":
        pytest.skip(result.message)
    assert result.status == "passed", f"{result.question}: {result.message}"


def _name_and_failures(calculator: Candidate) -> tuple[str, dict[str, str]]:
    """Return what to call it, and the failures of its row, without loading what it names."""
    if isinstance(calculator, BaseCalculator):
        info = describe(calculator)
        name = info.spec.rpartition(".")[2]
        return name, expected_failures_of(info.backend, info.checkpoint)
    if isinstance(calculator, str):
        backend, _, checkpoint = calculator.partition(":")
        rows = {b.name: b.checkpoints for b in list_backends()}
        first = next((c.name for c in rows.get(backend, ())), None)
        return calculator, expected_failures_of(backend, checkpoint or first)
    return getattr(calculator, "__name__", type(calculator).__name__), {}


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
