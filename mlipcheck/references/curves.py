"""Reference curves of diatomics: exact Morse, PBE, and a user's own."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import InputError
from ase.data import atomic_numbers, chemical_symbols
from scipy.interpolate import CubicSpline

from ..calculators.toy.toy import Morse
from ..drawing.tables import some
from . import datasets
from .images import ReadOptions
from .reader import read_runs

Pair = tuple[str, str]

# Forces of these disagree with their energies in the PBE set (Ho, Er and Tm worst).
LEFT_OUT = frozenset(chemical_symbols[59:71])


@dataclass(frozen=True, eq=False)
class ReferenceCurve:
    """Energies (eV) and axial forces (eV/Å, positive when repulsive) of a pair at distances (Å).

    ``forces`` is None where only energies are known: both curves are then differentiated alike.
    """

    pair: Pair
    name: str
    level_of_theory: str | None
    distances: np.ndarray
    energies: np.ndarray
    forces: np.ndarray | None


def sorted_pair(a: str, b: str) -> Pair:
    """Return a pair in alphabetical order, so that Cu-O and O-Cu are one."""
    return (a, b) if a <= b else (b, a)


def parse_pair(text: str) -> Pair | None:
    """Read ``Cu-O``; None where the text is not two elements with a dash."""
    parts = text.split("-")
    if len(parts) == 2 and all(atomic_numbers.get(p, 0) > 0 for p in parts):
        return sorted_pair(*parts)
    return None


def morse_curve(pair: Pair, distances: np.ndarray, morse: Morse | None = None) -> ReferenceCurve:
    """Return the exact Morse curve, zero at infinity."""
    morse = morse or Morse()
    labels = morse.energy(distances) - morse.well_depth, morse.force(distances)
    return ReferenceCurve(pair, "exact Morse", "analytic", distances, *labels)


@functools.cache
def _diatomics(path: Path) -> dict[str, dict[str, Any]]:
    return datasets.load_json(path)["PBE"]


def pbe_curve(pair: Pair, path: Path) -> ReferenceCurve | None:
    """Return the PBE curve of a homonuclear pair, or None where there is no good one."""
    row = _diatomics(path).get("-".join(pair))
    if pair[0] != pair[1] or row is None or pair[0] in LEFT_OUT:
        return None
    # [point][atom][xyz], the molecule along x: half the difference is the axial force
    forces = np.array(row["forces"])[:, :, 0]
    table = np.array([row["distances"], row["energies"], (forces[:, 1] - forces[:, 0]) / 2])
    level = datasets.get_dataset("diatomics-pbe").level_of_theory
    return ReferenceCurve(pair, "PBE diatomics", level, *table[:, np.argsort(table[0])])


def read_curve(
    path: str | Path, pairs: Sequence[Pair] = (), options: ReadOptions | None = None
) -> ReferenceCurve:
    """Read a user's own curve.

    Parameters
    ----------
    path : path
        A CSV file with the columns distance, energy and, optionally, force (Å, eV, eV/Å, positive
        when repulsive), or anything that ASE reads with two atoms a frame and energies. Frames
        with no energy to use are left out, and the curve's name says which.
    pairs : sequence of pairs
        What a CSV file may be about: its name (``Cu-O.csv``) says which, or there is one only.

    Raises
    ------
    InputError
        For what cannot be read as a curve.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a CSV or a trajectory of dimers")
    name = path.name
    if path.suffix.lower() == ".csv":
        pair, columns = _read_csv(path, pairs)
    else:
        pair, columns, left_out = _read_dimers(path, options)
        name += f" without {some(left_out, 3)}" if left_out else ""
    r, energies, *forces = columns = columns[:, np.argsort(columns[0])]
    if len(r) < 8 or not np.isfinite(columns).all() or r[0] <= 0 or (np.diff(r) <= 0).any():
        raise InputError(
            f"{path.parent / name}: {len(r)} points; a curve needs 8 or more, finite, at different "
            "distances > 0"
        )
    if forces:
        _check_forces(path, r, energies, *forces)
    return ReferenceCurve(pair, name, None, r, energies, *(forces or [None]))


def _check_forces(path: Path, r: np.ndarray, energies: np.ndarray, forces: np.ndarray) -> None:
    """Refuse forces of the wrong sign or unit: a model would be blamed for them."""
    low = energies < energies.min() + 10
    derivative = -CubicSpline(r, energies)(r, 1)[low]
    size = float(np.sum(derivative**2))
    slope = float(np.sum(forces[low] * derivative)) / size if size > 0 else 1.0
    if not 0.6 < slope < 1.6:
        raise InputError(
            f"{path}: forces are {slope:.2f} of -dE/dr; check their sign (positive when repulsive) "
            "and their unit (eV/Å)"
        )


def _read_csv(path: Path, pairs: Sequence[Pair]) -> tuple[Pair, np.ndarray]:
    """Return distances, energies and, where they are there, forces, each a row."""
    pair = parse_pair(path.stem) or (pairs[0] if len(pairs) == 1 else None)
    if pair is None:
        raise InputError(f"{path}: which pair? Call the file A-B.csv, as in Cu-O.csv")
    try:
        # Excel begins its UTF-8 with a byte-order mark
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
        if any(None in row for row in rows):
            raise ValueError("a row is longer than the header")
        table = {
            str(name).strip().lower(): np.array([float(row[name]) for row in rows])
            for name in (rows[0] if rows else ())
        }
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path}: not a table of numbers ({error}); columns: distance,energy[,force]"
        ) from error
    if "distance" not in table or "energy" not in table:
        raise InputError(
            f"{path}: columns are {', '.join(table) or 'none'}; distance,energy[,force] needed"
        )
    return pair, np.array([table[x] for x in ("distance", "energy", "force") if x in table])


def _read_dimers(path: Path, options: ReadOptions | None) -> tuple[Pair, np.ndarray, list[str]]:
    """Return the same from frames, and which of them can be no points, and why."""
    (run,) = read_runs([path], options)
    if run.error:
        raise InputError(run.error)
    frames = [f for f in run.frames if f.energy is not None]
    with_forces = [f for f in frames if f.forces is not None]
    frames = with_forces or frames  # one without them would cost all theirs
    names = {f.name for f in frames}
    others = [f for f in run.frames if f.name not in names]
    left_out = [
        f"{f.name} ({f.error or '; '.join(f.notes) or 'a label is missing'})" for f in others
    ]
    found = {sorted_pair(*f.atoms.symbols) for f in frames if len(f.atoms) == 2}
    if len(found) > 1 or any(len(f.atoms) not in (0, 2) for f in run.frames):
        raise InputError(f"{path}: frames are not dimers of one pair; give two atoms a frame")
    if not frames:
        raise InputError(
            f"{path}: frames without energies; a curve needs one in each; {left_out[0]}"
        )
    axes = np.array(
        [f.atoms.get_distance(0, 1, mic=bool(f.atoms.pbc.any()), vector=True) for f in frames]
    )
    columns = [np.linalg.norm(axes, axis=1), np.array([f.energy for f in frames])]
    if with_forces:
        pulls = np.array([f.forces[1] - f.forces[0] for f in frames if f.forces is not None])
        columns.append(np.sum(pulls * axes, axis=1) / (2 * columns[0]))
    return found.pop(), np.array(columns), left_out


def find_curves(
    source: str | Path | ReferenceCurve | Mapping[Pair, ReferenceCurve] | Sequence[Any],
    grids: Mapping[Pair, np.ndarray],
    *,
    exact: bool = False,
    options: ReadOptions | None = None,
) -> dict[Pair, ReferenceCurve]:
    """Return a reference for each pair that has one.

    Parameters
    ----------
    source : str, ReferenceCurve, or several
        ``auto`` (exact Morse where ``exact``, as for the toy, else PBE where the data are at
        hand), ``morse``, ``pbe`` (downloaded where they are not at hand), ``none``, or the path of
        a user's curve.
    grids : mapping of pair to distances
        The pairs that are scanned, and where (Å).

    Raises
    ------
    InputError
        For a file that is no curve, or is about a pair that is not scanned.
    """
    if isinstance(source, Mapping):
        return {sorted_pair(*pair): curve for pair, curve in source.items()}
    if not isinstance(source, (str, Path, ReferenceCurve)):
        each = [find_curves(item, grids, exact=exact, options=options) for item in source]
        return {pair: curve for found in each for pair, curve in found.items()}  # the last holds
    if source == "none":
        return {}
    if source == "morse" or (source == "auto" and exact):
        return {pair: morse_curve(pair, grid) for pair, grid in grids.items()}
    if source in ("auto", "pbe"):
        look = datasets.fetch if source == "pbe" else datasets.find
        paths = look("diatomics-pbe")
        known = {pair: pbe_curve(pair, *paths) for pair in grids} if paths else {}
        return {pair: curve for pair, curve in known.items() if curve is not None}
    curve = (
        source if isinstance(source, ReferenceCurve) else read_curve(source, list(grids), options)
    )
    if (pair := sorted_pair(*curve.pair)) not in grids:
        raise InputError(
            f"{curve.name} is about {'-'.join(curve.pair)}, which is not scanned; "
            f"scanned: {', '.join('-'.join(p) for p in grids)}"
        )
    return {pair: curve}
