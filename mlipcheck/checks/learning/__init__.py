"""Learning curves: how many of one's own calculations a model needs."""

from __future__ import annotations

from .check import Learning

__all__ = ["Learning"]
