"""Dynamics: a crystal at constant energy, at two time steps."""

from __future__ import annotations

from .check import DynamicsCheck

__all__ = ["DynamicsCheck"]
