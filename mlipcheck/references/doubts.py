"""Why a reference, and not the model, may be what is wrong."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

# True: with it, nothing can be judged. False: a finding is caution at most.
KINDS = dict.fromkeys(
    (
        *("zero of energy", "unit", "sign", "component order", "placeholder", "own labels"),
        *("charged", "not self-consistent", "structure"),
    ),
    True,
)
KINDS |= dict.fromkeys(("level of theory", "not at rest", "pressed", "scf", "convention"), False)


@dataclass(frozen=True)
class Doubt:
    """One reason not to blame the model for a difference from its reference.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    text : str
        The reason, to follow 'but': ``the reference is HSE06, the model PBE``.
    about : tuple of str
        Which labels it bears on: energies, forces, stresses, structure, curve; all where empty.
    """

    kind: str
    text: str
    about: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"doubt is {self.kind!r}, expected one of {', '.join(KINDS)}")

    @property
    def void(self) -> bool:
        """Whether nothing can be judged by this reference."""
        return KINDS[self.kind]

    def bears_on(self, labels: Collection[str]) -> bool:
        """Tell whether it concerns something that rests on these labels."""
        return bool(labels) and (not self.about or not set(self.about).isdisjoint(labels))
