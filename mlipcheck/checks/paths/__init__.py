"""Paths: barriers, works of separation and other heights along a user's own images."""

from __future__ import annotations

from .check import Paths

__all__ = ["Paths"]
