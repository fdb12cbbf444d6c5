"""Dimers: two atoms in vacuum, pulled apart and pushed together."""

from __future__ import annotations

from .check import Dimers as Dimers
