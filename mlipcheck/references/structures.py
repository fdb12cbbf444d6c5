"""Relaxed structures as references: exact Morse clusters, Atoms, and runs."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import InputError

from ..calculators.toy.toy import MorseCalculator
from ..storage import Record
from .disk_list import DiskList
from .doubts import Doubt
from .incar import RELAXATION, SINGLE_POINT
from .labels import NO_LABELS, LabelledFrame, read_frame
from .level_of_theory import settings_in_info
from .reader import Run, fingerprint, formula_as_written
from .states import part_states
from .vasp_settings import Settings

AT_REST = 0.1  # eV/Å that a structure may have and be taken for relaxed
MOST_PRESSED = 1.0  # GPa; 1 % of the volume at a bulk modulus of 100 GPa
ENERGY_NOISE = 1e-3  # eV/atom that the end of a relaxation may lie above its lowest frame
UNFINISHED = "a run that did not finish"


@dataclass(frozen=True, eq=False)
class RelaxedReference(Record):
    """A structure at a minimum of the reference's own energy.

    Attributes
    ----------
    name, source : str
        What to call it; the file or collection that it comes from.
    relaxed, first : Atoms or None
        With its constraints, without a calculator, None where ``error`` says why; where the
        reference's own relaxation began.
    energy : float or None
        eV, of the relaxed structure, only where it may be compared.
    volume_only : bool
        Whether the volume alone is the reference, the shape and positions a model's.
    cell_free : bool or None
        Whether the reference's cell could change; None where it does not say.
    fmax, stress : float or None
        The largest force and component of the stress that it left, eV/Å and eV/Å^3.
    start_only : bool
        Whether nothing says that it is relaxed: what a model changes is reported, never judged.
    fixed_cell : bool
        Whether its atoms were partly fixed, or its cell did not move: a model's is fixed too.
    not_relaxed : str or None
        Why a check-up does not relax it again, None where it does.
    """

    name: str
    source: str
    relaxed: Atoms | None
    first: Atoms | None = None
    energy: float | None = None
    volume_only: bool = False
    cell_free: bool | None = None
    fmax: float | None = None
    stress: float | None = None
    start_only: bool = False
    fixed_cell: bool = False
    doubts: tuple[Doubt, ...] = ()
    not_relaxed: str | None = None
    settings: Settings | None = None
    level_of_theory: str | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same structures, whatever their file is called; empty without one."""
        if self.relaxed is None:
            return ""
        bare = [LabelledFrame("", a) for a in (self.relaxed, self.first) if a is not None]
        # fewer digits than a file has: another machine computes the same structure
        return fingerprint(bare, 4, f"{self.energy}")


def morse_clusters(sizes: Sequence[int] = (2, 3, 4, 6, 13)) -> list[RelaxedReference]:
    """Return compact clusters relaxed with the exact Morse potential to 1e-6 eV/Å.

    2 to 6 atoms: dimer, triangle, tetrahedron, octahedron; 13: a centred icosahedron. The atoms
    are called nitrogen, whose covalent diameter in ASE is the toy's 1.42 Å.
    """
    from ase.optimize import BFGS

    golden = (1 + 5**0.5) / 2
    signs = itertools.product((1, -1), (1, -1), range(3))
    shapes = {
        2: np.eye(2, 3) / 2**0.5,
        3: np.eye(3) / 2**0.5,
        4: np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8**0.5,
        6: np.concatenate([np.eye(3), -np.eye(3)]) / 2**0.5,
        13: np.array([[0, 0, 0], *(np.roll([0, s, t * golden], k) for s, t, k in signs)]) / 2,
    }
    if unknown := set(sizes) - shapes.keys():
        raise InputError(
            f"no cluster of {min(unknown)} atoms; there are {', '.join(map(str, shapes))}"
        )
    references = []
    for size in sizes:
        first = Atoms(f"N{size}", MorseCalculator().curve.r0 * shapes[size])
        atoms = first.copy()
        atoms.calc = MorseCalculator()
        BFGS(atoms, logfile=None).run(fmax=1e-6, steps=500)
        frames = [read_frame(first, "", ""), read_frame(atoms, "", "")]
        found = _reference(frames, f"Morse{size}", "exact Morse")
        references.append(replace(found, cell_free=False, level_of_theory="analytic"))
    return references


def from_atoms(atoms: Atoms, name: str | None = None, source: str = "Atoms") -> RelaxedReference:
    """Take an Atoms object, with the energy and forces that it carries, as relaxed.

    What no calculator should be asked about is a reference with its error.
    """
    return _reference([read_frame(atoms, "", "")], name, source, settings_in_info(atoms))


def make_references(runs: Iterable[Run]) -> list[RelaxedReference]:
    """Return what is relaxed, or may be, in runs: the end of each relaxation, or each frame.

    A VASP run is one relaxation. So are frames of one run in another file where all have energies,
    the last is the lowest and at rest (a note says so); others stand for themselves. What is no
    state (a single atom, a duplicate) is none. What cannot be read is a reference with its error.
    """
    references = []
    for run in runs:
        error = run.error
        if error is None and isinstance(run.frames, DiskList):
            why = "a large file of labelled frames; give the structure to relax by itself"
            atoms = run.frames[0].atoms
            references.append(RelaxedReference(run.name, run.source, atoms, not_relaxed=why))
            continue
        states, left_out = part_states(run.frames)
        if error is None and not states:
            error = f"{run.source}: nothing to relax in it; {left_out[0].error}"
        if error is not None:
            references.append(RelaxedReference(run.name, run.source, None, error=error))
        elif run.settings is not None:
            references.append(_reference(run.frames, run.name, run.source, run.settings, run.notes))
        else:
            references += _of_other_file(run, states)
    return references


def _of_other_file(run: Run, states: Sequence[LabelledFrame]) -> list[RelaxedReference]:
    groups = itertools.groupby(states, key=lambda frame: frame.run)
    parts = [part for _, group in groups for part in _part_relaxations(list(group))]
    found = []
    for part in parts:
        # as ASE counts frames: where in the file it ends
        name = run.name if len(parts) == 1 else part[-1].name
        note = f"{len(part)} frames taken as one relaxation, the last as its end"
        notes = (*run.notes, note) if len(part) > 1 else run.notes
        settings = settings_in_info(part[-1].atoms)
        found.append(_reference(part, name, run.source, settings, notes))
    return found


def _part_relaxations(frames: list[LabelledFrame]) -> list[list[LabelledFrame]]:
    """Part a relaxation, which ends at its lowest energy and at rest, from frames of one run."""
    energies = [f.energy for f in frames if len(f.atoms)]  # what is no structure has none
    known = [e for e in energies if e is not None]
    last = frames[-1]
    falls = len(known) == len(energies) > 0
    falls = falls and known[-1] <= min(known) + ENERGY_NOISE * len(last.atoms)
    fmax = largest_force(last)
    return [frames] if falls and (fmax is None or fmax <= AT_REST) else [[f] for f in frames]


def largest_force(frame: LabelledFrame) -> float | None:
    """Return the largest force that a relaxation had to bring down, eV/Å."""
    if frame.forces is None:
        return None
    atoms, forces = frame.atoms.copy(), frame.forces.copy()
    for constraint in frame.constraints:
        constraint.adjust_forces(atoms, forces)
    return float(np.linalg.norm(forces, axis=1).max(initial=0.0))


def _with_constraints(frame: LabelledFrame) -> Atoms:
    atoms = frame.atoms.copy()
    atoms.set_constraint(copy.deepcopy(frame.constraints))
    return atoms


def _reference(
    run: Sequence[LabelledFrame],
    name: str | None,
    source: str,
    settings: Settings | None = None,
    notes: tuple[str, ...] = (),
) -> RelaxedReference:
    """Take the last frame of a run as relaxed, and say where that is in doubt.

    It is relaxed where an ionic relaxation ended before its last step, or where forces and stress
    are at rest; without forces it is a start.
    """
    settings = settings or Settings()
    first, last = run[0], run[-1]
    if not len(last.atoms):
        return RelaxedReference(name or "Atoms", source, None, error=f"{source}: {last.error}")
    relaxed = _with_constraints(last)
    relaxes = settings.motion == RELAXATION
    finished = relaxes and settings.finished and len(run) < settings.steps
    fixed_cell = bool(relaxed.constraints) or (relaxes and settings.cell_free is False)
    fmax = largest_force(last)
    stress = None if last.stress is None else float(np.abs(last.stress).max())
    faults = _faults(settings, len(run), fmax, None if fixed_cell else stress, finished)
    doubts = [*settings.doubts, *last.doubts, *(doubt for doubt, _ in faults)]
    start_only = fmax is None and not finished
    if stress is None and relaxed.pbc.all() and not (finished or start_only or fixed_cell):
        doubts.append(Doubt("pressed", "nothing says that the reference's cell is at rest"))
    notes += last.notes if last.error in (None, NO_LABELS) else (last.error,)
    if not len(first.atoms):
        notes += (f"its first frame is left out: {first.error}",)
    return RelaxedReference(
        name=name or formula_as_written(relaxed),
        source=source,
        relaxed=relaxed,
        first=_with_constraints(first) if len(run) > 1 and len(first.atoms) else None,
        energy=last.energy,
        cell_free=settings.cell_free if relaxes else None,
        fmax=fmax,
        stress=stress,
        start_only=start_only,
        fixed_cell=fixed_cell,
        doubts=tuple(doubts),
        not_relaxed=next((why for _, why in faults if why), None),
        level_of_theory=settings.level_of_theory,
        settings=settings if settings.functional else None,
        notes=notes,
    )


def _faults(
    settings: Settings, steps: int, fmax: float | None, stress: float | None, finished: bool
) -> list[tuple[Doubt, str | None]]:
    """Say what speaks against a minimum, and why it is then not relaxed again (None: it is)."""
    found: list[tuple[Doubt, str | None]] = []
    if (doubt := settings.label_doubt(steps - 1)) is not None:
        found.append((doubt, doubt.text))
    if (motion := settings.motion) not in (None, RELAXATION, SINGLE_POINT):
        found.append((Doubt("not at rest", f"the reference is of {motion}"), motion))
    if not settings.finished:
        found.append((Doubt("not at rest", "the reference's run did not finish"), UNFINISHED))
    if fmax is not None and fmax > AT_REST:
        text = f"the reference has forces of {fmax:.2g} eV/Å"
        why = None if finished else f"forces above {AT_REST} eV/Å"
        found.append((Doubt("not at rest", text), why))
    if stress is not None and stress > MOST_PRESSED * units.GPa:
        text = f"the reference has a stress of {stress / units.GPa:.2g} GPa"
        why = None if finished else f"stress above {MOST_PRESSED:g} GPa"
        found.append((Doubt("pressed", text), why))
    return found
