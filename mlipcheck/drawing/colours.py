"""The one place for colours and marks: a model has the same ones in every figure.

Okabe and Ito's colours, which colour-blind readers can distinguish, without black and yellow.
Orange and sky blue are too pale for lines on white (contrast 2.3, and 3 is asked for); their darker
and brighter relatives here are as far from the others as those are from each other.

Colours name models and nothing else. A reference is black and dashed; whatever else is marked is
recognised by its shape, in black or grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..calculators.base import CalculatorInfo

# backend: colour, and a marker for print without colours
LOOKS = {
    "chgnet": ("#0072B2", "o"),
    "sevennet": ("#D55E00", "s"),
    "mace": ("#009E73", "^"),
    "mattersim": ("#734500", "D"),
    "toy": ("#CC79A7", "v"),
    "guarded": ("#6900F0", "X"),  # mostly beside the model that it guards
    "": ("#188AF2", "P"),  # ASE's own, and everybody else's
}
PALETTE, MARKERS = zip(*LOOKS.values(), strict=True)
OTHER = LOOKS[""][0]

REFERENCE = FAILED = "#000000"
DARK, MIDDLE, PALE, BAND = "0.25", "0.45", "0.6", "0.9"
HATCHED: dict[str, Any] = {"facecolor": "0.95", "edgecolor": "0.75", "hatch": "////", "lw": 0}


def model_colours(infos: Sequence[CalculatorInfo]) -> tuple[str, ...]:
    """Return a colour for each model: its backend's, or a free one where an earlier has that.

    What a model gets depends on what stands beside it only where two are of one backend. Beyond
    seven models colours come again, with other markers.
    """
    return tuple(PALETTE[k % len(PALETTE)] for k in _places(infos))


def model_markers(infos: Sequence[CalculatorInfo]) -> tuple[str, ...]:
    """Return a marker for each model, as `model_colours` does colours."""
    n = len(PALETTE)
    return tuple(MARKERS[(k + k // n) % n] for k in _places(infos))


def _places(infos: Sequence[CalculatorInfo]) -> list[int]:
    """Return the row of each model in the table; rows beyond its end start it again."""
    backends = list(LOOKS)
    wanted = [backends.index(i.backend if i.backend in LOOKS else "") for i in infos]
    # the first of each backend keeps its colour, even where it comes last
    free = [k for k in range(len(backends) + len(infos)) if k not in wanted]
    return [free.pop(0) if k in wanted[:at] else k for at, k in enumerate(wanted)]
