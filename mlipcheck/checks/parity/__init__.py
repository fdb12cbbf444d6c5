"""Parity: energies, forces and stresses against those of labelled frames."""

from __future__ import annotations

from .check import ParityCheck

__all__ = ["ParityCheck"]
