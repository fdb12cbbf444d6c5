"""Questions about relaxed structures, their numbers and limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ase import units

from ...criterion import OWN_CONVENTION, Criterion, Reading
from .record import Relaxation

Read = Callable[[Relaxation], Reading | None]
STRESS_CAUTION = 1.0  # %
MOVED = ("volume", "bond lengths")  # what a bare structure may go too far in


def read_converged(row: Relaxation) -> Reading:
    if row.n_atoms == 0:
        return Reading(None, f"not read: {row.error}")
    failed = None if row.start_only and row.force_calls else math.inf
    if row.error is not None:
        return Reading(failed, row.error)
    how = f"{row.steps} {row.optimizer} steps"
    if row.converged:
        return Reading(0, how if row.steps else "0 steps, at rest from the start")
    if not row.bound:
        return Reading(failed, "the model sees no bond")
    if row.modulus is None:
        return Reading(failed, f"fmax {row.fmax:.3g} eV/Å after {how}")
    if row.to_go_percent is None:
        gpa = row.modulus / units.GPa
        return Reading(failed, f"no minimum here after {how}, B {gpa:.2g} GPa")
    return Reading(failed, f"{row.to_go_percent:+.1f} % of the volume left to relax after {how}")


def read_stress(row: Relaxation) -> Reading | None:
    if row.error is not None or row.cell == "fixed":
        return None
    if row.stress_error is None:
        return Reading(None, "no stress, or one lost in rounding")
    percent = 100 * row.stress_error
    text = f"{percent:.2g} % off"
    if percent <= STRESS_CAUTION and not row.converged:  # a right stress alone relaxes nothing
        return Reading(None, f"{text}; the relaxation did not converge")
    return Reading(percent, text)


def _read_end(read: Read, far: float, row: Relaxation) -> Reading | None:
    """Judge by where a structure goes only what got there, and began at a reference.

    From a bare structure it is shown, and judged where it goes farther than ``far``.
    """
    found = None if row.error is not None else read(row)
    if found is not None and not row.converged:
        return Reading(None, "the relaxation did not converge")
    if found is not None and row.start_only:
        near = (found.value or 0.0) <= far or any(d.void for d in row.doubts)
        text = f"{found.text}; the input is not known to be relaxed"
        return Reading(None if near else found.value, text)
    return found


def read_volume(row: Relaxation) -> Reading | None:
    change = row.volume_change_percent
    if change is None or row.cell == "fixed":
        return None
    left = row.to_go_percent or 0.0
    text = f"{change:+.2f} % ({abs(left):.1f} % left to relax)"
    return Reading(abs(change), text, sure=max(0.0, abs(change) - abs(left)))


def read_bonds(row: Relaxation) -> Reading | None:
    if not row.bond_changes:
        return None
    worst = max(row.bond_changes, key=lambda b: abs(b.mean_change_percent))
    mean, largest = worst.mean_change_percent, worst.largest_change_percent
    return Reading(abs(mean), f"{'-'.join(worst.pair)} {mean:+.2f} % (largest {largest:+.2f})")


def read_topology(row: Relaxation) -> Reading | None:
    if not row.bond_changes:
        return None
    broken, new = row.broken_bonds, row.new_bonds
    return Reading(broken + new, f"{broken} broken, {new} new")


def read_angles(row: Relaxation) -> Reading | None:
    if not row.angle_changes or row.cell == "fixed":
        return None
    worst = max(row.angle_changes, key=abs)
    return Reading(abs(worst), f"{worst:+.2f}°")


def read_symmetry(row: Relaxation) -> Reading | None:
    before, after = row.reference_space_group, row.space_group
    if before in (None, "P1 (1)"):  # which cannot be lost
        return None
    if before == after:
        return Reading(0, f"stays {after}")
    return Reading(1, f"{before} becomes {after}")


def read_energy(row: Relaxation) -> Reading | None:
    if row.reference_energy is None:
        return None
    if row.energy_error_per_atom is None:
        return Reading(None, "the other structures do not fix its elements' energy zeros")
    error = 1000 * row.energy_error_per_atom
    return Reading(abs(error), f"{error:+.1f} meV/atom")


def _of_end(quantity: str, read: Read, far: float = math.inf, **facts: Any) -> Criterion:
    """Return a question about the structure that a relaxation ends at, beside its reference."""
    facts = {"rests_on": ("structure",), **facts}
    return Criterion(quantity, partial(_read_end, read, far), **facts)


def _from_input(quantity: str, read: Read, far: float) -> Criterion:
    """Return a question about how far a bare structure goes: no reference says that it is wrong."""
    return _of_end(
        quantity,
        lambda row: read(row) if row.start_only else None,
        far,
        caution=far,
        unit="%",
        source=f"{OWN_CONVENTION}: measured structures and other functionals' are nearer, "
        "except where dispersion alone binds",
        good="the structure stays near the input",
        bad="far from the input: by the model, by its functional (layers and molecules need "
        "dispersion), or because the input was not relaxed",
        why="a model that leaves a good structure is not to relax with",
        rests_on=(),
    )


_of_volume = partial(
    _of_end,
    "volume",
    unit="%",
    good="the crystal keeps its volume",
    bad="the equilibrium volume differs",
    why="densities, pressures, elastic constants and band gaps follow the volume",
)
CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "convergence",
        read_converged,
        fail=0,
        words="fail: forces above fmax, or more than 0.3 % of the volume left to relax",
        source=f"{OWN_CONVENTION}: an unconverged number is none",
        good="relaxations end at a minimum",
        bad="did not get to a minimum: its other numbers are not to be used",
        why="only at a minimum do a volume, a bond or a symmetry mean anything",
    ),
    Criterion(
        "stress",
        read_stress,
        caution=STRESS_CAUTION,
        fail=5.0,
        unit="%",
        source=f"{OWN_CONVENTION}: as for the forces",
        good="the stress is the derivative of the energy",
        bad="the stress is not the derivative of the energy: relaxed cells are wrong",
        why="the stress moves the cell; with a wrong unit or sign the volume is wrong",
    ),
    _of_volume(
        lambda row: read_volume(row) if row.same_functional and not row.start_only else None,
        caution=1.0,
        fail=3.0,
        source=f"{OWN_CONVENTION}: codes agree within 1 % where the functional is the same",
    ),
    _of_volume(
        lambda row: None if row.same_functional or row.start_only else read_volume(row),
        caution=3.0,
        fail=10.0,
        source=f"{OWN_CONVENTION}: 3 % is about PBE's own error against experiment "
        "(Lejaeghere et al., Crit. Rev. Solid State Mater. Sci. 39, 1 (2014))",
    ),
    _of_end(
        "bond lengths",
        lambda row: None if row.start_only else read_bonds(row),
        caution=1.0,
        fail=3.0,
        unit="%",
        source=f"{OWN_CONVENTION}: a volume's 3 and 10 % as lengths; the mean of a species pair",
        good="the bonds keep their lengths",
        bad="bonds change by more than the reference's own error",
        why="vibrations, charges and reaction paths follow the bonds",
    ),
    _from_input(MOVED[0], read_volume, far=10.0),
    _from_input(MOVED[1], read_bonds, far=5.0),
    _of_end(
        "broken and new bonds",
        read_topology,
        caution=0,
        source=f"{OWN_CONVENTION}: bonds that cross 1.25 of the covalent radii by a tenth",
        good="the same atoms are bonded",
        bad="it is another structure now",
        why="with other bonds it is another structure, and its numbers are about something else",
    ),
    _of_end(
        "cell angles",
        read_angles,
        caution=1.0,
        fail=3.0,
        unit="°",
        source=f"{OWN_CONVENTION}: 1° moves a cell vector's end by 1.7 %",
        good="the cell keeps its shape",
        bad="the cell changes its shape",
        why="a sheared cell is another phase, or a symmetry that is lost",
    ),
    _of_end(
        "symmetry",
        read_symmetry,
        caution=0,
        words="caution: another space group at 0.01 Å",
        source=f"{OWN_CONVENTION}; spglib",
        good="the space group stays",
        bad="the model prefers another symmetry, or did not keep this one",
        why="a structure that leaves its space group may be unstable in the model only",
    ),
    _of_end(
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
)
