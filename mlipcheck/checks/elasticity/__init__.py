"""Elasticity: the energy of a crystal against its volume."""

from __future__ import annotations

from .check import Elasticity as Elasticity
