"""Which frames are states of the user's system."""

from __future__ import annotations

from collections.abc import Sequence

from .labels import LabelledFrame


def part_states(
    frames: Sequence[LabelledFrame],
) -> tuple[tuple[LabelledFrame, ...], tuple[LabelledFrame, ...]]:
    """Part states from what was read beside them, with an error each that says why."""
    return tuple(frames), ()
