"""Limits for how close atoms come in a user's own structures."""

from __future__ import annotations

from ...check import HERE, Criterion
from . import readings

CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "distances",
        "room to the collapse",
        readings.read_room,
        caution=1.25,
        fail=1.0,
        limits="caution: < 1.25 times where the wall turns over; fail: inside",
        source=f"{HERE}: heat and pressure bring atoms a fifth closer than a frame shows",
        good="your own structures stay well outside of where the walls turn over",
        bad="your own structures come near to where nothing keeps these atoms apart",
        why="how close your own atoms come says whether a wall that turns over matters to you",
        careful="Watch the shortest distance of these atoms when you heat, press or strain.",
        avoid="Do not use it on these structures: some of their atoms attract where they should "
        "repel.",
        below=True,
    ),
)
