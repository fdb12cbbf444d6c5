"""Questions, their numbers and limits."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from ase import units

from ...check import OWN_CONVENTION, Criterion, Reading
from ...references.structures import AT_REST, MOST_PRESSED
from .record import Relaxation

FARTHEST_NEIGHBOUR = 6.0  # Å; nothing is farther from its nearest neighbour in a crystal


def _judged(row: Relaxation) -> bool:
    return row.error is None


def _of_relaxed(
    read: Callable[[Relaxation], Reading | None],
) -> Callable[[Relaxation], Reading | None]:
    """Judge nothing by where a structure goes that did not get there, or began nowhere."""

    @functools.wraps(read)
    def reading(row: Relaxation) -> Reading | None:
        found = read(row)
        if found is not None and row.single_point:
            return Reading(None, "the reference is a single point")
        if found is not None and row.error is None and not row.converged:
            return Reading(None, "the relaxation did not converge")
        if found is not None and row.cell == "free" and _pressed(row) > MOST_PRESSED:
            return Reading(None, f"the reference is under {_pressed(row):.1f} GPa")
        return found

    return reading


def read_converged(row: Relaxation) -> Reading:
    if row.n_atoms == 0:
        return Reading(None, f"not read: {row.error}")
    if row.error is not None:
        return Reading(math.inf, row.error)
    if not row.converged:
        return Reading(1, f"fmax {row.fmax:.3g} eV/Å after {row.steps} {row.optimizer} steps")
    if row.steps == 0:
        return Reading(0, "0 steps, forces were below fmax from the start")
    return Reading(0, f"{row.steps} {row.optimizer} steps")


def _pressed(row: Relaxation) -> float:
    """Return the stress that the reference left, GPa."""
    return (row.reference_stress or 0.0) / units.GPa


@_of_relaxed
def read_volume(row: Relaxation) -> Reading | None:
    if not _judged(row) or row.volume_change_percent is None or row.cell == "fixed":
        return None
    if row.stress_error is None:
        return Reading(None, "the stress could not be tested: nothing shows what holds it")
    return Reading(abs(row.volume_change_percent), f"{row.volume_change_percent:+.2f} %")


def read_stress(row: Relaxation) -> Reading | None:
    if not _judged(row) or row.cell == "fixed":
        return None
    if row.stress_error is None:
        return Reading(None, "no stress, or one lost in rounding")
    percent = 100 * row.stress_error
    return Reading(percent, f"{percent:.2g} % off")


@_of_relaxed
def read_angles(row: Relaxation) -> Reading | None:
    if not _judged(row) or not row.angle_changes or row.cell == "fixed":
        return None
    worst = max(row.angle_changes, key=abs)
    return Reading(abs(worst), f"{worst:+.2f}°")


@_of_relaxed
def read_bonds(row: Relaxation) -> Reading | None:
    worst = max(row.bond_changes, key=lambda b: abs(b.largest_change_percent), default=None)
    if not _judged(row) or worst is None:
        return None
    percent = worst.largest_change_percent
    return Reading(abs(percent), f"{'-'.join(worst.pair)} {percent:+.2f} %")


@_of_relaxed
def read_topology(row: Relaxation) -> Reading | None:
    if not _judged(row) or not row.bond_changes:
        return None
    return Reading(
        row.broken_bonds + row.new_bonds, f"{row.broken_bonds} broken, {row.new_bonds} new"
    )


@_of_relaxed
def read_symmetry(row: Relaxation) -> Reading | None:
    # P1 cannot be lost
    if not _judged(row) or row.reference_space_group in (None, "P1 (1)"):
        return None
    if row.space_group == row.reference_space_group:
        return Reading(0, f"stays {row.space_group}")
    return Reading(1, f"{row.reference_space_group} becomes {row.space_group}")


@_of_relaxed
def read_energy(row: Relaxation) -> Reading | None:
    if not _judged(row) or row.reference_energy is None or not row.converged:
        return None
    if row.energy_error_per_atom is None:
        return Reading(None, "the other structures do not fix its elements' energy zeros")
    error = 1000 * row.energy_error_per_atom
    return Reading(abs(error), f"{error:+.1f} meV/atom")


def read_reference(row: Relaxation) -> Reading | None:
    if row.n_atoms == 0:
        return None
    nearest = row.reference_shortest_distance
    if nearest is not None and nearest > FARTHEST_NEIGHBOUR:
        return Reading(math.inf, f"no two atoms within {nearest:.1f} Å: is its unit right?")
    if row.single_point:
        return Reading(math.inf, "a single point (NSW is 0 or 1), not a relaxation")
    if row.reference_fmax is None:
        # a file that says nothing of itself; a collection has its level of theory
        told = row.level_of_theory is not None
        return None if told else Reading(None, "no forces in its file say that it is relaxed")
    if row.cell == "free" and _pressed(row) > MOST_PRESSED:
        return Reading(math.inf, f"left {row.reference_fmax:.3f} eV/Å and {_pressed(row):.1f} GPa")
    return Reading(row.reference_fmax, f"left {row.reference_fmax:.3f} eV/Å")


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "convergence",
        read_converged,
        caution=None,
        fail=0,
        words="fail: any that does not converge",
        source=f"{OWN_CONVENTION}: an unconverged number is none",
        good="relaxations come to an end",
        bad="did not get to a minimum: its other numbers are not to be used",
        why="only at a minimum do a volume, a bond or a symmetry mean anything",
    ),
    Criterion(
        "stress",
        read_stress,
        caution=1.0,
        fail=5.0,
        unit="%",
        source=f"{OWN_CONVENTION}: as for the forces",
        good="the stress is the derivative of the energy",
        bad="the stress is not the derivative of the energy: relaxed cells are wrong",
        why="the stress moves the cell; with a wrong unit or sign the volume is wrong and looks "
        "reasonable",
    ),
    Criterion(
        "volume",
        read_volume,
        caution=3.0,
        fail=10.0,
        unit="%",
        source=f"{OWN_CONVENTION}: 3 % is about PBE's own error against experiment "
        "(Lejaeghere et al., Crit. Rev. Solid State Mater. Sci. 39, 1 (2014))",
        good="the crystal keeps its volume",
        bad="the crystal wants another volume",
        why="densities, pressures, elastic constants and band gaps follow the volume",
        rests_on=("structure",),
    ),
    Criterion(
        "bond lengths",
        read_bonds,
        caution=1.0,
        fail=3.0,
        unit="%",
        source=f"{OWN_CONVENTION}: the volume's 3 and 10 % as lengths",
        good="the bonds stay as they were",
        bad="bonds change by more than the reference's own error",
        why="vibrations, charges and reaction paths follow the bonds",
        rests_on=("structure",),
    ),
    Criterion(
        "broken and new bonds",
        read_topology,
        caution=0,
        fail=None,
        source=f"{OWN_CONVENTION}: across 1.25 to 1.38 of the covalent radii",
        good="the same atoms are bonded",
        bad="it is another structure now",
        why="with other bonds it is another structure, and its numbers are about something else",
        rests_on=("structure",),
    ),
    Criterion(
        "cell angles",
        read_angles,
        caution=1.0,
        fail=3.0,
        unit="°",
        source=f"{OWN_CONVENTION}: 1° moves a cell vector's end by 1.7 %",
        good="the cell keeps its shape",
        bad="the cell changes its shape",
        why="a sheared cell is another phase, or a symmetry that is lost",
        rests_on=("structure",),
    ),
    Criterion(
        "symmetry",
        read_symmetry,
        caution=0,
        fail=None,
        words="caution: another space group at 0.01 Å",
        source=f"{OWN_CONVENTION}; spglib",
        good="the space group stays",
        bad="the model prefers another symmetry, or did not keep this one",
        why="a structure that leaves its space group may be unstable in the model only",
        rests_on=("structure",),
    ),
    Criterion(
        "energy",
        read_energy,
        caution=30.0,
        fail=200.0,
        unit="meV/atom",
        source="MatterSim's model card: 0.03 eV/atom in, 0.2 out of distribution",
        good="energies agree once each element's zero is fitted",
        bad="relative energies are off: do not rank structures by them",
        why="stabilities, mixing and reaction energies are small differences of large numbers",
        rests_on=("energies",),
        decides=(),
        hints=("energies",),
    ),
    Criterion(
        "the reference itself",
        read_reference,
        caution=AT_REST,
        fail=None,
        unit="eV/Å",
        words=f"caution: forces > {AT_REST} eV/Å, > {MOST_PRESSED:g} GPa, no relaxation, atoms > "
        f"{FARTHEST_NEIGHBOUR:g} Å apart",
        source=f"{OWN_CONVENTION}: five times the default fmax",
        good="the reference is at its minimum",
        bad="the reference is not at its own minimum: what moves, or stays, says little",
        why="where the reference is not at rest, what moves is not the model's error",
        decides=(),
        hints=(),
    ),
)
