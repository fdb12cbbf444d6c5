"""The contract: what every ASE calculator promises, in the manner of scikit-learn's checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.calculators.calculator import BaseCalculator, InputError

from ...calculators.backends import list_backends
from ...calculators.base import FAILURES, stays_here
from ...calculators.evaluate import describe_error
from ...calculators.registry import describe
from . import derivatives, manners, symmetry
from .deviation import Deviation, NotApplicable
from .record import ContractResult
from .subject import Subject, choose_subject


@dataclass(frozen=True)
class ContractCheck:
    """One promise: ``measure`` returns how far a calculator is from keeping it."""

    name: str
    question: str
    measure: Callable[[Subject], list[Deviation]]


_CHECKS = tuple(
    ContractCheck(
        name=function.__name__,
        question=(function.__doc__ or "").splitlines()[0].rstrip("."),
        measure=function,
    )
    for function in (
        manners.declared_properties,
        manners.undeclared_properties,
        manners.input_unchanged,
        derivatives.forces_are_gradient,
        derivatives.stress_is_gradient,
        symmetry.translation,
        symmetry.rotation,
        symmetry.permutation,
        symmetry.lattice_vectors,
        symmetry.net_force,
        symmetry.size_extensivity,
        manners.determinism,
        manners.cache,
        manners.isolated_atom,
        manners.dimer,
        manners.nan_input,
        manners.silence,
        manners.batch,
    )
)


def iter_checks() -> Iterator[ContractCheck]:
    """Yield every check of the contract, in the order in which they are run."""
    yield from _CHECKS


def check_calculator(
    calculator: BaseCalculator,
    *,
    checks: Sequence[str] | None = None,
    elements: Sequence[str] | None = None,
    dtype: str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[ContractResult]:
    """Hold a calculator to the contract.

    Parameters
    ----------
    calculator : ase.calculators.calculator.BaseCalculator
    checks : sequence of str, optional
        Names out of `iter_checks`; all by default.
    elements : sequence of str, optional
        One or two that it knows; found by trying common ones by default.
    dtype : str, optional
        ``float32`` or ``float64``, which sets the tolerances; by default the calculator's own, or
        that of its forces.
    expected_failures : mapping of str to str, optional
        Checks that it is known to fail, with the reason; by default those of its backend. One
        that passes all the same is a failure, so that a fixed fault is noticed.
    progress : callable, optional
        Called with 1 after each check.

    Returns
    -------
    list of ContractResult
        One a check, in order. What a calculator raises in a check is that check's failure.

    Raises
    ------
    InputError
        For an unknown check or element, and where the calculator answers for no structure.
    """
    known = {check.name: check for check in iter_checks()}
    if expected_failures is None:
        info = describe(calculator)
        expected_failures = expected_failures_of(info.backend, info.checkpoint)
    for name in (*(checks or ()), *expected_failures):  # a misspelt one would pass for kept
        if name not in known:
            raise InputError(f"no check {name!r}; known: {', '.join(known)}")
    subject = choose_subject(calculator, elements, dtype)
    results = []
    for name in known if checks is None else checks:
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
    row = next((b for b in list_backends() if b.name == backend), None)
    expected = {}
    for key, reason in (row.expected_failures if row else {}).items():
        only, _, check = key.rpartition(":")
        if only in ("", checkpoint):
            expected[check] = reason
    return expected


@stays_here
def _run(check: ContractCheck, subject: Subject) -> ContractResult:
    result = ContractResult(check.name, check.question, "passed", "")
    try:
        # Checks share a calculator, and each must find it as a new one.
        if hasattr(subject.calculator, "reset"):
            subject.calculator.reset()
        deviations = check.measure(subject)
    except NotApplicable as reason:
        return replace(result, status="not applicable", message=str(reason))
    except FAILURES as error:  # the check's result
        return replace(result, status="failed", message=describe_error(error))
    if not deviations:
        return replace(result, status="not applicable", message="it declares nothing to compare")
    worst = max(deviations, key=lambda d: d.ratio)
    return replace(
        result,
        status="passed" if worst.ratio <= 1 else "failed",
        message=worst.text,
        value=worst.value if np.isfinite(worst.value) else None,
        tolerance=worst.tolerance,
        unit=worst.unit,
    )


def _against_expectation(result: ContractResult, reason: str) -> ContractResult:
    if result.status == "failed":
        return replace(result, status="expected failure", message=f"{reason} ({result.message})")
    return replace(
        result,
        status="failed",
        message=f"{result.status}, although it is expected to fail ({reason}): take it off the row",
    )
