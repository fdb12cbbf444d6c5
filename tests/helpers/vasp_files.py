"""Small vasprun.xml and OUTCAR files: what VASP writes, as far as anybody here reads it."""

from __future__ import annotations

import itertools
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.stress import voigt_6_to_full_3x3_stress

# of an image of NEB, and of a single point
IMAGES = {"IMAGES": "3", "LCLIMB": ".TRUE.", "NSW": "50"}
STATIC = {"NSW": "0", "IBRION": "-1"}


def _vectors(name: str, rows, kind: str = "") -> str:
    lines = "".join(f"<v{kind}> {' '.join(map(str, row))} </v>\n" for row in rows)
    return f'<varray name="{name}">\n{lines}</varray>\n'


def _structure(atoms: Atoms, name: str = "", fixed=()) -> str:
    flags = [["F" if k in fixed else "T"] * 3 for k in range(len(atoms))]
    selective = _vectors("selective", flags, ' type="logical"') if fixed else ""
    return (
        f"<structure{name}>\n<crystal>\n{_vectors('basis', atoms.cell)}</crystal>\n"
        f"{_vectors('positions', atoms.get_scaled_positions())}{selective}</structure>\n"
    )


def _energies(energy: float) -> str:
    names = ("e_fr_energy", "e_0_energy")
    return "".join(f'<i name="{name}"> {energy} </i>' for name in names)


def write_vasprun(
    path: Path, images: list[Atoms], tags: dict[str, str] | None = None, fixed=(), electronic=()
):
    """Write a run whose steps are the images, with the energies and forces that they carry.

    ``tags`` are those of the INCAR; ``fixed`` are the indices of atoms that do not move;
    ``electronic`` are the energies of the electronic steps, which each ionic step repeats.
    """
    first = images[0]
    groups = [(s, len(list(g))) for s, g in itertools.groupby(first.get_chemical_symbols())]
    tags = {"ISIF": "3", "NSW": "99", "IBRION": "2", "GGA": "--", **(tags or {})}
    lines = "".join(
        f'<v name="{name}"> {value} </v>\n'
        if name.startswith("LDAU") and name != "LDAU"
        else f'<i type="string" name="{name}"> {value} </i>\n'
        for name, value in tags.items()
    )
    rows = "".join(
        f"<rc><c>{s}</c><c>{k}</c></rc>" for k, (s, n) in enumerate(groups) for _ in range(n)
    )
    types = "".join(
        f"<rc><c>{n}</c><c>{s}</c><c>1.0</c><c>1.0</c><c>PAW_PBE {s} 01Jan2000</c></rc>\n"
        for s, n in groups
    )
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n'
        f"<incar>\n{lines}</incar>\n<kpoints>\n{_vectors('kpointlist', [[0, 0, 0]])}"
        f"{_vectors('weights', [[1]])}</kpoints>\n<parameters>\n{lines}</parameters>\n"
        f'<atominfo>\n<array name="atoms"><set>{rows}</set></array>\n'
        f'<array name="atomtypes"><set>\n{types}</set></array>\n</atominfo>\n'
        + _structure(first, ' name="initialpos"', fixed)
    )
    for atoms in images:
        energy = atoms.calc.results["energy"]
        stress = voigt_6_to_full_3x3_stress(atoms.calc.results.get("stress", np.zeros(6)))
        text += "<calculation>\n"
        for step in electronic or [energy]:
            text += f"<scstep><energy>{_energies(step)}</energy></scstep>\n"
        text += (
            f"{_structure(atoms)}{_vectors('forces', atoms.calc.results['forces'])}"
            f"{_vectors('stress', -10 * stress / units.GPa)}"
            f"<energy>{_energies(energy)}</energy>\n</calculation>\n"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "</modeling>\n")
    return path


def write_outcar(
    path: Path, images: list[Atoms], tags: dict[str, str] | None = None, vdw=False, learned=False
):
    """Write the same run as an OUTCAR: the lines that ASE and `mlipcheck` look for.

    ``vdw``: with VASP's columns of what there is without the correction; ``learned``: as VASP 6
    does on the fly, with lines of the force field, and a step of its own before each of DFT.
    """
    groups = [(s, len(list(g))) for s, g in itertools.groupby(images[0].get_chemical_symbols())]
    titles = [f"PAW_PBE {s} 01Jan2000" for s, _ in groups]
    tags = {"ISPIN": "1", "ISIF": "3", "NSW": "99", "IBRION": "2", "GGA": "--", **(tags or {})}
    text = " vasp.6.3.2 (build) complex\n\n INCAR:\n"
    text += "".join(f" POTCAR:    {title}\n" for title in titles * 2)
    text += "".join(f"   TITEL  = {title}\n" for title in titles)
    text += "   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   "
    text += "number of bands    NBANDS=     4\n"
    text += " k-points in reciprocal lattice and weights:\n   0.0 0.0 0.0   1.0\n"
    text += "".join(f"   {name:<6} =  {value}    of this run\n" for name, value in tags.items())
    text += f"   ions per type =   {'  '.join(str(n) for _, n in groups)}\n"
    for step, atoms in enumerate(images, 1):
        if learned:
            moved = atoms.copy()
            moved.rattle(0.1, seed=step)
            field = (atoms.calc.results["energy"] + 0.3, atoms.calc.results["forces"] + 0.5)
            text += f"{'-' * 20} Ionic step {step:8d}  {'-' * 20}\n"
            text += _ionic_step(moved, *field, np.ones(6), learned=True)
        text += f"{'-' * 20} Iteration {step:4d}(   1)  {'-' * 20}\n"
        results = atoms.calc.results
        stress = results.get("stress", np.zeros(6))
        text += _ionic_step(atoms, results["energy"], results["forces"], stress, vdw)
        if learned:
            text += _ionic_step(atoms, *field, stress, learned=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + " General timing and accounting informations for this job:\n")
    return path


def write_neb(folder, images, ends="outcar", write=write_outcar):
    """Write folders 00, 01, ..., as VASP's NEB leaves them."""
    for k, atoms in enumerate(images):
        inside = folder / f"{k:02d}"
        inside.mkdir(parents=True)
        if 0 < k < len(images) - 1:
            name = "OUTCAR" if write is write_outcar else "vasprun.xml"
            write(inside / name, [atoms], IMAGES)
        elif ends == "outcar":
            write_outcar(inside / "OUTCAR", [atoms], STATIC)
        elif ends:
            ase.io.write(inside / ends, atoms, format="vasp")
    return folder


def _ionic_step(atoms, energy, forces, stress, vdw=False, learned=False) -> str:
    """Write what follows the electronic steps of an ionic one."""
    field, mark = ("ML ", " (ML)") if learned else ("", "")
    bare = f"    w/o vdW = {energy + 0.1:14.8f}" if vdw else ""
    columns = [atoms.positions, forces, forces - 0.1] if vdw else [atoms.positions, forces]
    kbar = -10 * stress[[0, 1, 2, 5, 3, 4]] / units.GPa
    text = f"  {field}FORCE on cell =-STRESS in cart. coord.  units (eV):\n"
    text += f"  in kB  {''.join(f'{x:12.5f}' for x in kbar)}\n"
    text += "      direct lattice vectors                 reciprocal lattice vectors\n"
    text += "".join(
        f" {' '.join(f'{x:13.9f}' for x in (*row, 0, 0, 0))}\n" for row in atoms.cell[:]
    )
    without = ",  FORCE-w/o vdW (eV/Angst)" if vdw else ""
    text += f" POSITION{' ' * 40}TOTAL-FORCE (eV/Angst){without}{mark}\n {'-' * 83}\n"
    rows = np.hstack(columns)
    text += "".join(f" {' '.join(f'{x:12.6f}' for x in row)}\n" for row in rows)
    text += f" {'-' * 83}\n  {field}FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  {'-' * 40}\n"
    text += f"  free  energy {field or '  '}TOTEN  =  {energy:14.8f} eV{bare}\n\n"
    text += f"  {field}energy  without entropy= {energy:14.8f}{bare}"
    return text + f"  {field}energy(sigma->0) = {energy:14.8f}{bare}\n\n"
