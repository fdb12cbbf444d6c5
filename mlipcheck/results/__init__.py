"""What the checks return: frozen records of plain numbers and arrays.

Units throughout: eV, Å, eV/Å, eV/Å^3 (stress in Voigt order xx yy zz yz xz xy, ASE's sign).
Arrays hold NaN where a point could not be evaluated; `mlipcheck.storage` writes it as ``null``.
"""

from __future__ import annotations

from .approach import ClosestApproach
from .calculators import CalculatorInfo, Evaluation
from .contract import ContractResult
from .dimer import CurveComparison, DimerScan, Extremum
from .learning import LearningCurve, LearningPoint, NeededFrames
from .parity import (
    EnergyParity,
    Estimate,
    ForceGroup,
    ForceParity,
    Ordering,
    OrderingBin,
    Parity,
    Rescaling,
    StressParity,
)
from .relax import BondChange, BondTable, Relaxation
from .run import SCHEMA, Advice, Finding, RunRecord
from .slope import Slope

__all__ = [
    "SCHEMA",
    "Advice",
    "BondChange",
    "BondTable",
    "CalculatorInfo",
    "ClosestApproach",
    "ContractResult",
    "CurveComparison",
    "DimerScan",
    "EnergyParity",
    "Estimate",
    "Evaluation",
    "Extremum",
    "Finding",
    "ForceGroup",
    "ForceParity",
    "LearningCurve",
    "LearningPoint",
    "NeededFrames",
    "Ordering",
    "OrderingBin",
    "Parity",
    "Relaxation",
    "Rescaling",
    "RunRecord",
    "Slope",
    "StressParity",
]
