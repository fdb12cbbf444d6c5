"""Surfaces: slabs beside a reference, and crystals cut in two."""

from .check import Surfaces

__all__ = ["Surfaces"]
