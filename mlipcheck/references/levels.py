"""Frames parted by level of theory: what their runs say, or their info."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms

from .disk_list import list_like
from .incar import NOT_POLARIZED
from .label_keys import numbers
from .labels import LabelledFrame
from .level_of_theory import MAGNETIC
from .vasp_settings import Settings

# Keys of info that say a level of theory, and the charge of all atoms in e.
LEVEL_KEYS = ("level_of_theory", "functional", "xc")
CHARGE_KEYS = ("charge", "total_charge")


@dataclass
class Level:
    """The frames of one level of theory."""

    settings: Settings
    frames: Any = field(default_factory=list)  # to append to, a list or a `DiskList`

    @property
    def words(self) -> str:
        text = self.settings.level_of_theory or "level of theory unknown"
        charge = f", charge {self.settings.charge:+g}" if self.settings.charge else ""
        return text.removesuffix(", VASP") + charge


def split_levels(
    rows: Iterable[tuple[LabelledFrame, Settings]], like: Sequence[LabelledFrame] = ()
) -> list[Level]:
    """Put together what is of one level of theory, in the order in which the levels appear.

    Runs of different elements are of one level although each has the values of U of its own.
    """
    levels: list[Level] = []
    for frame, settings in rows:
        for level in levels:
            if (joined := _join(level.settings, settings)) is not None:
                level.settings = joined
                break
        else:
            levels.append(level := Level(settings, list_like(like)))
        level.frames.append(frame)
    return levels


def _join(a: Settings, b: Settings) -> Settings | None:
    """Return what holds for both, None where they are of different levels of theory."""
    if a is b:
        return a
    if (a.level_of_theory, a.charge) != (b.level_of_theory, b.charge):
        return None
    hubbard_u = None
    if a.hubbard_u is not None and b.hubbard_u is not None:
        both = a.hubbard_u.keys() & b.hubbard_u.keys()
        if any(a.hubbard_u[element] != b.hubbard_u[element] for element in both):
            return None
        hubbard_u = a.hubbard_u | b.hubbard_u
    # what casts doubt on some of the frames casts it on the set
    disagree = tuple(dict.fromkeys(a.disagree + b.disagree))
    spins = [one.spin for one in (a, b) if one.spin != NOT_POLARIZED or _magnetic(one)]
    spin = NOT_POLARIZED if NOT_POLARIZED in spins else next(filter(None, spins), a.spin)
    species = tuple(dict.fromkeys(a.species + b.species))
    return dataclasses.replace(
        a, hubbard_u=hubbard_u, disagree=disagree, spin=spin, species=species
    )


def _magnetic(settings: Settings) -> bool:
    return any(one.element in MAGNETIC for one in settings.species)


def settings_in_info(atoms: Atoms) -> Settings:
    """Return what the author of a file wrote beside a structure."""
    level = next((str(atoms.info[key]) for key in LEVEL_KEYS if key in atoms.info), None)
    charges = (numbers(atoms.info.get(key)) for key in CHARGE_KEYS)
    charge = next((x.item() for x in charges if x is not None and x.size == 1), 0.0)
    return Settings(level_of_theory=level, charge=float(np.nan_to_num(charge)))
