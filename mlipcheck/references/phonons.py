"""A user's phonopy files: supercells with displaced atoms, and the forces on them."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import InputError

from ..calculators.base import FAILURES
from ..calculators.evaluate import describe_error
from .labels import LabelledFrame
from .reader import fingerprint
from .vasp import DAMAGE, opened, unpacked_name

INSTALL = 'phonopy is not installed; pip install "mlipcheck[phonons]"'
SETS = "FORCE_SETS"


@dataclass(frozen=True, eq=False)
class PhononReference:
    """Displaced supercells of one crystal, and a reference's forces on them.

    Attributes
    ----------
    name, source, given : str
        What to call it; its file; what the user named, that file or a folder above it.
    phonon : phonopy.Phonopy or None
        Cells and displacements, in Å; None where ``error`` says why.
    forces : ndarray of shape (n, N, 3)
        eV/Å, on each of the n displaced cells.
    """

    name: str
    source: str
    given: str = ""
    phonon: Any = None
    forces: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3)))
    error: str | None = None

    @property
    def unitcell(self) -> Atoms:
        return to_atoms(self.phonon.unitcell)

    @property
    def fingerprint(self) -> str:
        """The same for the same cells and forces, whatever their file is called."""
        cells = displaced_cells(self.phonon) if self.phonon is not None else []
        pairs = zip(cells, self.forces, strict=True)
        return fingerprint(LabelledFrame("", cell, forces=f) for cell, f in pairs)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Leave out phonopy's warnings: of what changed since version 3, of files without BORN.

    What it imports (symfc) allows so deep a recursion that a damaged JSON file would end Python.
    """
    deepest = sys.getrecursionlimit()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        sys.setrecursionlimit(deepest)


def find_phonons(names: Iterable[str]) -> tuple[list[PhononReference], list[str]]:
    """Read the phonopy files among names of files and folders; return them, and all other names.

    A file that cannot be read is a reference with its error. Folders may hold other files too, and
    stay among the names. Files of one folder that say the same count once.
    """
    found: list[PhononReference] = []
    others = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            others.append(name)
            found += [replace(r, given=name) for r in _read_below(path)]
        elif unpacked_name(path).endswith((".yaml", ".yml")) or unpacked_name(path) == SETS:
            found.append(replace(read_phonons(path), given=name))
        else:
            others.append(name)
    return found, others


def _read_below(top: Path) -> Iterator[PhononReference]:
    for folder, names, files in os.walk(top):
        names[:] = sorted(n for n in names if not n.startswith("."))
        read = [read_phonons(p) for p in (Path(folder, f) for f in sorted(files)) if _is_ours(p)]
        good = {r.fingerprint: r for r in read if r.error is None}
        yield from good.values() or read[:1]


def _is_ours(path: Path) -> bool:
    """Tell whether a file begins as those that phonopy writes."""
    if not unpacked_name(path).endswith((".yaml", ".yml")):
        return False
    with contextlib.suppress(*DAMAGE), opened(path) as stream:
        return stream.read(20).startswith((b"phonopy:", b"displacements:"))
    return "phonopy" in path.name  # damaged, which is to be said


def read_phonons(path: Path) -> PhononReference:
    """Read one file with displacements, and forces in it or in ``FORCE_SETS`` beside it."""
    stem = unpacked_name(path).split(".")[0]
    own = not stem.startswith("phonopy") and stem != SETS
    name = stem if own else path.resolve().parent.name
    try:
        with quiet():
            phonon, forces = _read(path)
        return PhononReference(name, str(path), phonon=phonon, forces=forces)
    except ImportError:
        error = f"{path}: {INSTALL}"
    except InputError as wrong:
        error = f"{path}: {wrong}"
    except FAILURES as wrong:  # whatever a damaged file makes of a parser
        said = describe_error(wrong).replace(f'"{path}"', "it")  # a parser names the file again
        error = f"{path}: not readable by phonopy ({said}); is it complete?"
    return PhononReference(name, str(path), error=error)


def _read(path: Path) -> tuple[Any, np.ndarray]:
    import yaml
    from phonopy.file_IO import parse_FORCE_SETS_from_strings
    from phonopy.interface.phonopy_yaml import load_phonopy_yaml
    from phonopy.physical_units import get_calculator_physical_units

    if not path.is_file():
        raise InputError("no such file")
    beside = sorted(path.parent.iterdir())
    if unpacked_name(path) == SETS:
        cells = [p for p in beside if _is_ours(p) and p.name.startswith("phonopy")]
        if not cells:
            raise InputError("no phonopy_disp.yaml beside it")
        path = cells[0]
    with opened(path) as stream:  # phonopy's own loader of YAML would run code of a file
        content = yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(content, dict) or not {"unit_cell", "supercell_matrix"} <= content.keys():
        raise InputError("no phonopy file with a unit cell and a supercell matrix; is it complete?")
    data = load_phonopy_yaml(content)
    # a header that names other units than its code's is refused by phonopy
    own = get_calculator_physical_units(data.calculator)
    cell = to_atoms(data.unitcell, own.distance_to_A)
    phonon = new_phonon(cell, data.supercell_matrix, data.primitive_matrix, data.unitcell.masses)
    n_atoms = len(phonon.supercell)
    if data.supercell is not None:
        if (found := len(data.supercell)) != n_atoms:
            raise InputError(f"{found} of {n_atoms} atoms of its supercell; is it complete?")
        off = data.supercell.scaled_positions - phonon.supercell.scaled_positions
        if np.abs(off - np.round(off)).max() > 1e-3:
            raise InputError("its supercell has its atoms in another order than phonopy's")
    dataset = data.dataset or {}
    if not all("forces" in d for d in dataset.get("first_atoms", [dataset])):
        sets = [p for p in beside if unpacked_name(p) == SETS]
        if not sets:
            raise InputError(f"no forces in it, and no {SETS} beside it")
        with opened(sets[0]) as stream:
            dataset = parse_FORCE_SETS_from_strings(stream.read().decode(), natom=n_atoms)
    for d in dataset.get("first_atoms", [dataset]):
        for key in {"displacement", "displacements"} & d.keys():
            d[key] = own.distance_to_A * np.array(d[key])
    phonon.dataset = dataset
    forces = own.force_to_eVperA * np.array(phonon.forces, dtype=float)
    if forces.shape != (len(phonon.supercells_with_displacements), n_atoms, 3):
        raise InputError(f"forces of shape {forces.shape} on cells of {n_atoms} atoms")
    _check_complete(phonon)
    if not np.isfinite(forces).all() or not forces.any():
        raise InputError("forces are NaN, infinite, or all zero")
    return phonon, forces


def _check_complete(phonon: Any) -> None:
    """Refuse displacements that do not reach every atom in every direction by symmetry."""
    symmetry, inverse = phonon.symmetry, np.linalg.inv(phonon.supercell.cell)
    same = symmetry.get_map_atoms()
    for atom in symmetry.get_independent_atoms() if "first_atoms" in phonon.dataset else ():
        ways = [
            rotation @ (d["displacement"] @ inverse)
            for d in phonon.dataset["first_atoms"]
            if same[d["number"]] == same[atom]
            for rotation in symmetry.get_site_symmetry(d["number"])
        ]
        if not ways or np.linalg.matrix_rank(np.array(ways), tol=1e-5) < 3:
            which = f"{phonon.supercell.symbols[atom]}, atom {atom + 1}"
            raise InputError(f"displacements of {which} are missing; is it complete?")


def new_phonon(
    atoms: Atoms, supercell_matrix: Any, primitive_matrix: Any = None, masses: Any = None
) -> Any:
    """Return a ``phonopy.Phonopy`` of a crystal; phonopy finds the primitive cell."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(
        symbols=list(atoms.symbols),
        cell=atoms.cell[:],
        scaled_positions=atoms.get_scaled_positions(),
        masses=masses,
    )
    with quiet():
        matrix = "auto" if primitive_matrix is None else primitive_matrix
        return Phonopy(cell, supercell_matrix, primitive_matrix=matrix)


def to_atoms(cell: Any, length: float = 1.0) -> Atoms:
    symbols = [s.rstrip("0123456789") for s in cell.symbols]
    return Atoms(symbols, cell=length * cell.cell, scaled_positions=cell.scaled_positions, pbc=True)


def displaced_cells(phonon: Any) -> list[Atoms]:
    return [to_atoms(cell) for cell in phonon.supercells_with_displacements]
