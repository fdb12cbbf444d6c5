"""Record of how close atoms come in a user's own structures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClosestApproach:
    """The shortest distance of one pair of elements, beside where its wall turns over.

    Attributes
    ----------
    pair : tuple of two str
        Chemical symbols.
    distance : float or None
        Å, the shortest in all structures; None where no two such atoms are near each other.
    structure : str
        Where it is found.
    structures : int
        How many were looked through.
    collapse : float or None
        Where the pair's repulsive wall turns over, Å; None where it holds.
    innermost : float or None
        How far inwards the pair was scanned, Å; None where the scan failed or was not done.
    """

    pair: tuple[str, str]
    distance: float | None
    structure: str
    structures: int
    collapse: float | None = None
    innermost: float | None = None

    @property
    def name(self) -> str:
        return "-".join(self.pair)
