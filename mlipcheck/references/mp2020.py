"""The Materials Project's corrections, which some models' energies include and labels do not."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping

from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, InputError

from .level_of_theory import MP_ANIONS, MP_U


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
