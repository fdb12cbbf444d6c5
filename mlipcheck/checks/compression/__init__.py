"""Compression: neighbours pushed together inside a crystal."""

from __future__ import annotations

from .check import Compression as Compression
