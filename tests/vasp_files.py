"""Small vasprun.xml files: what VASP writes, as far as anybody here reads it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from ase import Atoms


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


def write_vasprun(path: Path, images: list[Atoms], tags: dict[str, str] | None = None, fixed=()):
    """Write a run whose steps are the images, with the energies and forces that they carry.

    ``tags`` are those of the INCAR; ``fixed`` are the indices of atoms that do not move.
    """
    first = images[0]
    groups = [(s, len(list(g))) for s, g in itertools.groupby(first.get_chemical_symbols())]
    tags = {"ISIF": "3", "NSW": "99", "GGA": "--", **(tags or {})}
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
        energies = "".join(f'<i name="{n}"> {energy} </i>' for n in ("e_fr_energy", "e_0_energy"))
        text += (
            f"<calculation>\n<scstep><energy>{energies}</energy></scstep>\n{_structure(atoms)}"
            f"{_vectors('forces', atoms.calc.results['forces'])}"
            f"{_vectors('stress', np.zeros((3, 3)))}<energy>{energies}</energy>\n</calculation>\n"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "</modeling>\n")
    return path
