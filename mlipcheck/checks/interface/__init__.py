"""Interface tests: whether a calculator behaves as every ASE calculator does."""

from __future__ import annotations

from .check import Interface
from .suite import ContractCheck, check_calculator, expected_failures_of, iter_checks

__all__ = ["ContractCheck", "Interface", "check_calculator", "expected_failures_of", "iter_checks"]
