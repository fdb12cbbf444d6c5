"""Small vasprun.xml files: what VASP writes, as far as anybody here reads it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.stress import voigt_6_to_full_3x3_stress


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


def write_outcar(path: Path, images: list[Atoms]):
    """Write the same run as an OUTCAR: the lines that ASE and `mlipcheck` look for."""
    groups = [(s, len(list(g))) for s, g in itertools.groupby(images[0].get_chemical_symbols())]
    titles = [f"PAW_PBE {s} 01Jan2000" for s, _ in groups]
    text = " vasp.5.4.4 (build) complex\n"
    text += "".join(f" POTCAR:    {title}\n" for title in titles * 2)
    text += "".join(f"   TITEL  = {title}\n" for title in titles)
    text += "   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   "
    text += "number of bands    NBANDS=     4\n   ISPIN  =      1\n   ISIF   =      3\n"
    text += " k-points in reciprocal lattice and weights:\n   0.0 0.0 0.0   1.0\n"
    text += "   NSW    =     99\n   GGA     =    --\n"
    text += f"   ions per type =   {'  '.join(str(n) for _, n in groups)}\n"
    for step, atoms in enumerate(images, 1):
        energy = atoms.calc.results["energy"]
        rows = np.hstack([atoms.positions, atoms.calc.results["forces"]])
        text += f"{'-' * 20} Iteration {step:4d}(   1)  {'-' * 20}\n"
        text += (
            "  in kB       0.0 0.0 0.0 0.0 0.0 0.0\n      direct lattice vectors      reciprocal\n"
        )
        text += "".join(
            f" {' '.join(f'{x:13.9f}' for x in (*row, 0, 0, 0))}\n" for row in atoms.cell[:]
        )
        text += f" POSITION{' ' * 40}TOTAL-FORCE (eV/Angst)\n {'-' * 83}\n"
        text += "".join(f" {' '.join(f'{x:12.6f}' for x in row)}\n" for row in rows)
        text += f" {'-' * 83}\n  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  {'-' * 40}\n"
        text += f"  free  energy   TOTEN  =  {energy:14.8f} eV\n\n"
        text += f"  energy  without entropy= {energy:14.8f}  energy(sigma->0) = {energy:14.8f}\n"
    path.write_text(text + " General timing and accounting informations for this job:\n")
    return path
