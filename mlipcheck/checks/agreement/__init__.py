"""Where several models differ on the same structures, and whether that warns of errors."""

from __future__ import annotations

from .check import Agreement

__all__ = ["Agreement"]
