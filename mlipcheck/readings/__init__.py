"""The numbers that the verdict holds against its limits: a file a check, a function a question.

Each function takes one record and returns a `Reading`, or None where the question does not arise.
"""

from __future__ import annotations

from .reading import Reading

__all__ = ["Reading"]
