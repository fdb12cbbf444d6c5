"""Relaxation: what a reference has relaxed is relaxed again with the model."""

from __future__ import annotations

from .check import Relaxations as Relaxations
