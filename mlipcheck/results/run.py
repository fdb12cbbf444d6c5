"""Records of a whole command: the findings, and everything that they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .calculators import CalculatorInfo
from .contract import ContractResult
from .dimer import DimerScan
from .learning import LearningCurve
from .parity import Parity
from .relax import Relaxation

SCHEMA = "mlipcheck/1"


@dataclass(frozen=True)
class Finding:
    """One line of the verdict.

    ``status`` is ok, caution, fail or not assessed. ``value`` belongs to the first of
    ``subjects``, which is the worst of them; ``threshold`` says what it was held against.
    """

    status: str
    check: str
    quantity: str
    subjects: tuple[str, ...]
    value: str
    threshold: str
    reason: str


@dataclass(frozen=True, eq=False)
class RunRecord:
    """Everything that one command found, and how."""

    command: str
    calculator: CalculatorInfo
    versions: dict[str, str]
    settings: dict[str, Any]
    dimers: tuple[DimerScan, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    parities: tuple[Parity, ...] = ()
    learning: tuple[LearningCurve, ...] = ()
    contract: tuple[ContractResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    schema: str = SCHEMA
