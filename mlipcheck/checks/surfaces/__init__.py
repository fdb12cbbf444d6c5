"""Surfaces: slabs beside a reference, and crystals cut in two."""

from __future__ import annotations

from .check import Surfaces

__all__ = ["Surfaces"]
