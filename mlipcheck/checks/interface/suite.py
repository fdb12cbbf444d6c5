"""What every ASE calculator does, tested one by one, as scikit-learn's checks do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError

from ...calculators.backends import list_backends
from ...calculators.base import as_list, brief, stays_here
from ...calculators.registry import as_calculator, describe
from ...storage import Record
from . import behaviour, derivatives, symmetry
from .precision import Deviation, NotApplicable
from .subject import CalculatorError, Subject, choose_subject


class ContractCheck(NamedTuple):
    """One test: ``measure`` returns how far a calculator is from passing it."""

    name: str
    question: str
    measure: Callable[[Subject], list[Deviation]]


@dataclass(frozen=True)
class ContractResult(Record):
    """One test of what every ASE calculator does.

    ``status`` is ``passed``, ``failed``, ``expected failure`` or ``not applicable``; ``message``
    says what was found. ``value`` is the largest deviation and ``tolerance`` what it may be, both
    in ``unit``; None where there is nothing to measure. ``error`` is set where nothing could be
    tested, or mlipcheck itself failed.
    """

    check: str
    question: str
    status: str
    message: str
    value: float | None = None
    tolerance: float | None = None
    unit: str = ""
    error: str | None = None

    @property
    def name(self) -> str:
        return self.check


# Every function of these modules that has a public name, in the order in which they stand there.
_CHECKS = tuple(
    ContractCheck(name, (function.__doc__ or "").splitlines()[0].rstrip("."), function)
    for module in (behaviour, derivatives, symmetry)
    for name, function in vars(module).items()
    if inspect.isfunction(function)
    and function.__module__ == module.__name__
    and not name.startswith("_")
)


def iter_checks() -> Iterator[ContractCheck]:
    """Yield every interface test, in the order in which they are run."""
    yield from _CHECKS


def check_calculator(
    calculator: BaseCalculator | str,
    *,
    checks: Sequence[str] | str | None = None,
    elements: Sequence[str] | str | None = None,
    dtype: str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[ContractResult]:
    """Test a calculator for what every ASE calculator does.

    Parameters
    ----------
    calculator : any ASE calculator, or its name
    checks : str or sequence of str, optional
        Names out of `iter_checks`; all by default.
    elements : str or sequence of str, optional
        One or two that it knows; found by trying common ones by default.
    dtype : str, optional
        ``float32`` or ``float64``, which sets the tolerances; by default the calculator's own
        ``dtype``, or what the noise of its numbers shows.
    expected_failures : mapping of str to str, optional
        Tests that it is known to fail, with the reason; by default those of its backend. One
        that passes all the same is a failure, so that a fixed fault is noticed.
    progress : callable, optional
        Called with 1 after each test.

    Returns
    -------
    list of ContractResult
        One a test, in order. What a calculator raises in a test is that test's failure; what
        mlipcheck raises is not, and that result has an ``error``.

    Raises
    ------
    InputError
        For an unknown test or element, and where the calculator answers for no structure.
    """
    calculator, known = as_calculator(calculator), {check.name: check for check in iter_checks()}
    names = list(known) if checks is None else as_list(checks)
    if expected_failures is None:
        info = describe(calculator)
        expected_failures = expected_failures_of(info.backend, info.checkpoint)
    for name in (*names, *expected_failures):  # a misspelt one would never be noticed
        if name not in known:
            raise InputError(f"no test {name!r}; known: {', '.join(known)}")
    subject = choose_subject(calculator, elements and as_list(elements), dtype)
    results = []
    for name in names:
        result = _run(known[name], subject)
        if name in expected_failures:
            result = _against_expectation(result, expected_failures[name])
        results.append(result)
        if progress is not None:
            progress(1)
    return results


def expected_failures_of(backend: str | None, checkpoint: str | None) -> dict[str, str]:
    """Return the known failures of a backend's row that are this checkpoint's.

    A key of the row is ``check``, or ``checkpoint:check``.
    """
    known = next((b.expected_failures for b in list_backends() if b.name == backend), {})
    parted = ((*key.rpartition(":"), reason) for key, reason in known.items())
    return {check: reason for only, _, check, reason in parted if only in ("", checkpoint)}


@stays_here()
def _run(check: ContractCheck, subject: Subject) -> ContractResult:
    result = ContractResult(check.name, check.question, "not applicable", "")
    try:
        subject.reset()  # tests share a calculator, and each must find it as a new one
        deviations = check.measure(subject)
    except NotApplicable as reason:
        return replace(result, message=str(reason))
    except CalculatorError as error:
        return replace(result, status="failed", message=str(error))
    except Exception as error:  # no fault of the calculator's, and recorded
        text = f"error of mlipcheck, please report it: {brief(error)}"
        return replace(result, message=text, error=text)
    if not deviations:
        return replace(result, message="nothing to compare is delivered")
    worst = max(deviations, key=lambda d: d.ratio)
    return replace(
        result,
        status="passed" if worst.ratio <= 1 else "failed",
        message=worst.text,
        value=float(worst.value) if np.isfinite(worst.value) else None,
        tolerance=worst.tolerance,
        unit=worst.unit,
    )


def _against_expectation(result: ContractResult, reason: str) -> ContractResult:
    if result.error is not None:
        return result
    if result.status == "failed":
        return replace(result, status="expected failure", message=f"{reason} ({result.message})")
    text = f"{result.status}, although it is expected to fail ({reason}): take it off the row"
    return replace(result, status="failed", message=text)
