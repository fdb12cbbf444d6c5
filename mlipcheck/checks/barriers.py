"""How barriers and formation energies are compared with a reference's."""

from __future__ import annotations

from typing import Any

from ..criterion import OWN_CONVENTION, Reading

MIN_REFERENCE = 0.5  # eV that a reference is taken for at least: 20 % of it are 0.1 eV
ENERGY_LIMITS: dict[str, Any] = {
    "caution": 20.0,
    "fail": 50.0,
    "unit": "%",
    "rests_on": ("energies",),
    "source": f"{OWN_CONVENTION}: of the reference, or of {MIN_REFERENCE:g} eV where it is less",
}


def compare_energy(
    name: str, value: float, reference: float, said: str, uncertainty: float
) -> Reading:
    """Compare the height of an energy (eV) with that of a reference, which is called ``said``."""
    off, share = value - reference, 100 / max(reference, MIN_REFERENCE)
    relative = f" ({100 * off / reference:+.0f} %)" if reference > uncertainty else ""
    text = f"{name} {value:.2f} eV, {said} {reference:.2f}{relative}".lstrip()
    return Reading(share * abs(off), text, max(0.0, share * (abs(off) - uncertainty)))
