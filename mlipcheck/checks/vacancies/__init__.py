"""Vacancies: what it takes to make one, and to move an atom into it."""

from __future__ import annotations

from .check import Vacancies

__all__ = ["Vacancies"]
