"""What belongs together point by point has as many points."""

from __future__ import annotations

from typing import Any


def check_lengths(record: Any, *names: str) -> None:
    """Raise ValueError where the fields ``names`` of a record are not equally long."""
    lengths = [len(getattr(record, name)) for name in names]
    if len(set(lengths)) > 1:
        raise ValueError(f"{', '.join(names)} have {', '.join(map(str, lengths))} points")
