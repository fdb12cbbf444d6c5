"""Adsorption: hydrogen on the close-packed faces of metals."""

from __future__ import annotations

from .check import Adsorption

__all__ = ["Adsorption"]
