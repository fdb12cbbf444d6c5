"""Compression: neighbours pushed together inside a crystal."""

from __future__ import annotations

from .check import Compression

__all__ = ["Compression"]
