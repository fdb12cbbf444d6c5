"""Building a guard: the repulsion that closes the holes of a model, from its scans."""

from __future__ import annotations

from .build import build_guard
from .record import GuardedPair

__all__ = ["GuardedPair", "build_guard"]
