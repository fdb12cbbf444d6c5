"""Phonons: displaced cells beside a phonopy file's, or how stable and smooth a crystal is."""

from __future__ import annotations

from .check import Phonons

__all__ = ["Phonons"]
