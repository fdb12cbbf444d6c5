"""Levels of theory: frames parted by them, and whether labels are of a checkpoint's.

Also the Materials Project's corrections, which some models' energies include and labels do not.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, InputError

from .disk_list import list_like
from .doubts import Doubt
from .incar import FUNCTIONALS, HYBRIDS, NOT_POLARIZED
from .label_keys import numbers
from .labels import LabelledFrame
from .vasp_settings import Settings

# U in eV of the Materials Project (MPRelaxSet), for what contains oxygen or fluorine.
MP_U = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}
MP_ANIONS = frozenset(["O", "F"])
# Elements whose crystals are off by eV without spin.
MAGNETIC = frozenset(["Cr", "Mn", "Fe", "Co", "Ni"])
U_TOLERANCE = 0.05  # eV: 3.3 for 3.32 is the same choice
NAMES = {*FUNCTIONALS.values(), *HYBRIDS.values(), "SCAN", "ωB97M-V"}
DISPERSIONS = ("D2", "D3", "D3(BJ)", "D4", "TS", "MBD", "dDsC", "rVV10", "nonlocal vdW")
# Keys of info that say a level of theory, and the charge of all atoms in e.
LEVEL_KEYS = ("level_of_theory", "functional", "xc")
CHARGE_KEYS = ("charge", "total_charge")


@dataclass
class Level:
    """The frames of one level of theory."""

    settings: Settings
    frames: Any  # to append to, a list or a `DiskList`

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
    return replace(a, hubbard_u=hubbard_u, disagree=disagree, spin=spin, species=species)


def _magnetic(settings: Settings) -> bool:
    return any(one.element in MAGNETIC for one in settings.species)


def settings_in_info(atoms: Atoms) -> Settings:
    """Return what the author of a file wrote beside a structure."""
    level = next((str(atoms.info[key]) for key in LEVEL_KEYS if key in atoms.info), None)
    charges = (numbers(atoms.info.get(key)) for key in CHARGE_KEYS)
    charge = next((x.item() for x in charges if x is not None and x.size == 1), 0.0)
    return Settings(level_of_theory=level, charge=float(np.nan_to_num(charge)))


class _Level(NamedTuple):
    """What a text says; ``plus_u`` is no, some or all."""

    functional: str | None
    plus_u: str
    dispersion: str | None


def level_doubt(
    level: str | None,
    checkpoint_level: str | None,
    compositions: Iterable[Collection[str]],
    settings: Settings | None = None,
) -> Doubt | None:
    """Return the doubt that another level of theory than the checkpoint's casts on labels.

    Parameters
    ----------
    level, checkpoint_level : str or None
        The level of theory of the labels and of the checkpoint, in words; None is no doubt.
    compositions : iterable of collections of str
        The elements of each frame.
    settings : Settings, optional
        What the labels' VASP runs say; without it nothing is said of what a text leaves out.

    Notes
    -----
    ``PBE / PBE+U`` is the Materials Project's scheme: +U for the elements of `MP_U` wherever there
    is oxygen or fluorine (Jain et al., Phys. Rev. B 84, 045115 (2011)).
    """
    theirs, said = _read(checkpoint_level), _read(level)
    functional = settings.functional if settings and settings.functional else said.functional
    if functional is None or theirs.functional is None:
        return None
    found = []
    compositions = [frozenset(elements) for elements in compositions]
    if functional != theirs.functional:
        found.append(f"{functional}, the model {theirs.functional}")
    elif settings is not None and settings.hubbard_u is not None:
        found += _differences_of_u(settings.hubbard_u, theirs.plus_u, compositions)
    elif said.plus_u != "no" and theirs.plus_u == "no":
        found.append("with +U, the model without it")
    dispersion = settings.dispersion if settings else said.dispersion
    if dispersion and not theirs.dispersion:
        found.append(f"with {dispersion} dispersion, the model without")
    elif dispersion and dispersion != theirs.dispersion:
        found.append(f"with {dispersion}, the model with {theirs.dispersion}")
    elif settings and theirs.dispersion and not dispersion:
        found.append(f"without {theirs.dispersion}, the model with it")
    magnetic = MAGNETIC & set[str]().union(*compositions)
    if settings and settings.spin == NOT_POLARIZED and magnetic:
        found.append(f"without spin polarization, with {_listed(magnetic)} in it")
    if not found:
        return None
    start = f"{functional} " if functional == theirs.functional else ""
    return Doubt("level of theory", f"the reference is {start}{'; '.join(found)}")


def _differences_of_u(
    ours: dict[str, float], plus_u: str, compositions: Iterable[Collection[str]]
) -> list[str]:
    """Compare what has +U in the labels with what has it in training."""
    given = {element: u for element, u in ours.items() if u}
    if plus_u == "all":  # for which elements is not known
        return [] if given else ["without +U, the model with it"]
    expected: set[str] = set()
    if plus_u == "some":
        expected.update(*(MP_U.keys() & set(c) for c in compositions if MP_ANIONS & set(c)))
    found = []
    if missing := expected - given.keys():
        found.append(f"without +U for {_listed(missing)}, the model with it")
    if more := given.keys() - expected:
        found.append(f"with +U for {_listed(more)}, the model without it")
    for element in sorted(expected & given.keys()):
        if abs(given[element] - MP_U[element]) > U_TOLERANCE:
            values = f"{given[element]:g} eV for {element}, the model with"
            found.append(f"with U = {values} {MP_U[element]:g} eV")
    return found


def _listed(elements: Iterable[str]) -> str:
    return ", ".join(sorted(elements))


def _read(text: str | None) -> _Level:
    text = text or ""
    # PBE_54 is a set of pseudopotentials, and says the functional only where nothing else does
    names = _found(NAMES, re.sub(r"PBE_\d+", "", text)) or _found(NAMES, text)
    scheme = re.search(r"\w+ (/|or) \w+\+U", text)
    return _Level(
        functional=names.pop() if len(names) == 1 else None,
        plus_u="some" if scheme else "all" if "+U" in text else "no",
        dispersion=max(_found(DISPERSIONS, text), key=len, default=None),
    )


def _found(names: Iterable[str], text: str) -> set[str]:
    """Return which of the names stand in a text as words; an underscore is no letter here."""
    letter = r"[^\W_]"
    return {
        name
        for name in names
        if re.search(rf"(?<!{letter}){re.escape(name)}(?!{letter})", text, re.IGNORECASE)
    }


def scheme_u(symbols: set[str]) -> dict[str, float]:
    """Return the U that the Materials Project would apply to each of these elements."""
    return {x: MP_U[x] for x in sorted(symbols & MP_U.keys()) if symbols & MP_ANIONS}


def correction(atoms: Atoms, hubbard_u: Mapping[str, float] | None = None) -> float:
    """Return what MP2020 adds to a raw PBE or PBE+U energy, in eV for the whole structure.

    Parameters
    ----------
    atoms : Atoms
        A crystal; its anions are found by its bonds and guessed oxidation states.
    hubbard_u : mapping of str to float, optional
        The U (eV) that was applied; by default what the Materials Project's scheme says.

    Raises
    ------
    CalculatorSetupError
        Without pymatgen, whose code is the definition.
    InputError
        Where the scheme has no correction, a U of another value among the reasons.

    Notes
    -----
    Wang et al., Sci. Rep. 11, 15496 (2021), doi 10.1038/s41598-021-94550-5.
    """
    try:
        from pymatgen.core import Lattice, Structure
        from pymatgen.entries import compatibility
        from pymatgen.entries.computed_entries import ComputedStructureEntry
    except ImportError as error:
        raise CalculatorSetupError(
            "mp2020 energies need pymatgen, which is not installed; type: python -m pip install "
            "pymatgen, or take fit-offsets"
        ) from error
    if not atoms.pbc.all():
        raise InputError("mp2020 corrects crystals; this is not periodic in three directions")
    applied = scheme_u(set(atoms.get_chemical_symbols())) if hubbard_u is None else dict(hubbard_u)
    applied = {x: u for x, u in applied.items() if x in atoms.get_chemical_symbols()}
    lattice = Lattice(atoms.cell[:])
    structure = Structure(lattice, atoms.numbers, atoms.positions, coords_are_cartesian=True)
    parameters = {"run_type": "GGA+U" if applied else "GGA", "hubbards": applied}
    with warnings.catch_warnings(action="ignore"):  # of guessed oxidation states, one a structure
        states = {"oxidation_states": dict(_oxidation_states(structure.composition.formula))}
        entry = ComputedStructureEntry(structure, 0.0, parameters=parameters, data=states)
        scheme = compatibility.MaterialsProject2020Compatibility(check_potcar=False)
        try:
            found = scheme.get_adjustments(entry)
        except compatibility.CompatibilityError as error:
            # the message ends in the whole entry
            why = " ".join(str(error).partition(" for {")[0].split())
            raise InputError(f"no correction for {atoms.symbols}: {why}") from error
    return float(sum(one.value for one in found))


@functools.lru_cache(maxsize=4096)
def _oxidation_states(formula: str) -> tuple[tuple[str, float], ...]:
    """Guess as the scheme itself does, once a composition: with many elements it takes seconds."""
    from pymatgen.core import Composition

    try:
        guesses = Composition(formula).oxi_state_guesses(max_sites=-20)
    except ValueError:  # too many sites to try
        guesses = ()
    return tuple(guesses[0].items()) if guesses else ()
