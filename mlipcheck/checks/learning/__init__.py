"""Learning curves: how many calculations of the user's a model needs."""

from __future__ import annotations

from .check import Learning

__all__ = ["Learning"]
