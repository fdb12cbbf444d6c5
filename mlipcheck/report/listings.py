"""What is known and what was predicted, as lists for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms, units
from rich.console import Console
from rich.markup import escape

from ..calculators.backend import Backend
from ..calculators.records import Evaluation
from ..references import datasets
from .terminal import new_table

MANY_ATOMS = 50


def print_evaluations(
    out: Console, names: Sequence[str], images: Sequence[Atoms], evaluations: Sequence[Evaluation]
) -> None:
    """Print energy, forces, stress and magnetic moments of each structure."""
    for name, atoms, e in zip(names, images, evaluations, strict=True):
        out.print(f"[bold]{escape(name)}[/] ({atoms.get_chemical_formula()})")
        if e.error is not None or e.energy is None or e.forces is None:
            out.print(f"  error: {escape(e.error or 'no energy and forces')}", style="red")
            continue
        n = len(atoms)
        out.print(f"  energy {e.energy:.6f} eV   {e.energy / n:.6f} eV/atom")
        if e.stress is not None:
            gpa = "  ".join(f"{x / units.GPa:+.4f}" for x in e.stress)
            out.print(f"  stress xx yy zz yz xz xy: {gpa} GPa")
        fmax = max(float((f**2).sum() ** 0.5) for f in e.forces)
        out.print(f"  largest force {fmax:.4f} eV/Å")
        if n > MANY_ATOMS:
            out.print(f"  {n} atoms: forces are in the file of --json")
            continue
        columns = ["atom", "F_x\neV/Å", "F_y\neV/Å", "F_z\neV/Å"]
        if e.magmoms is not None:
            columns.append("moment\nμ_B")
        table = new_table("", *columns)
        table.title = None
        for k, (symbol, force) in enumerate(
            zip(atoms.get_chemical_symbols(), e.forces, strict=True)
        ):
            cells = [f"{k} {symbol}", *(f"{x:+.5f}" for x in force)]
            if e.magmoms is not None:
                cells.append(f"{e.magmoms[k]:.4f}")
            table.add_row(*cells)
        out.print(table)


def print_backends(out: Console, backends: Sequence[Backend]) -> None:
    """Print what is known, what is there, and what is missing."""
    columns = ("backend", "installed", "checkpoints", "level of theory", "energies", "licence")
    table = new_table("Backends", *columns, left=6)
    for b in backends:
        first = (b.name, b.version or ("yes" if b.installed and not b.error else "no"))
        if not b.checkpoints:
            table.add_row(*first, escape(b.summary))
        groups: dict[tuple[str, str, str], list[str]] = {}
        for c in b.checkpoints:
            facts = (c.level_of_theory, c.energy_convention, c.licence)
            groups.setdefault(facts, []).append(f"{c.name} ✓" if c.found else c.name)
        for facts, names in groups.items():
            table.add_row(*first, ", ".join(names), *map(escape, facts))
            first = ("", "")
    out.print(table)
    out.print("The first checkpoint is the default; ✓ needs no download. raw: as DFT printed")
    out.print("them; mp2020: with the Materials Project's corrections; own: a zero of its own.")
    for b in backends:
        also = f" ({b.needs})" if b.needs else ""
        if b.error is not None:
            out.print(f"{b.name}: {escape(b.error)}", style="red")
        elif not b.installed:
            out.print(f"{b.name}: {b.pip_line}{also}", markup=False)
    run = ", ".join(b.name for b in backends if b.runs_code)
    out.print(f"Loading a checkpoint of {run} runs code in it: take one only from whom you trust.")
    out.print("Your own: -b package.module:factory, where factory() returns an ASE calculator.")


def print_datasets(out: Console, chosen: Sequence[datasets.Dataset]) -> None:
    """Print what can be named, and where it is or would come from."""
    columns = ("data set", "what it is", "level of theory", "energies", "licence", "size")
    table = new_table("Data sets", *columns, left=5)
    places = new_table("", "data set", "where it is", left=2)
    places.title = None
    for d in chosen:
        size = f"{sum(file.bytes for file in d.files) / 1e6:.1f} MB"
        facts = (d.summary, d.level_of_theory, d.energy_convention or "-", d.licence)
        table.add_row(d.name, *map(escape, facts), size)
        for copy in datasets.list_copies(d.name):
            if copy.error is not None:
                place = f"[red]damaged: {escape(copy.error)}[/]"
            else:
                place = escape(str(copy.path or f"not here: {copy.file.name}"))
            places.add_row(d.name, place)
    out.print(table)
    out.print(places)
    out.print("raw: as DFT printed them; mp2020: with the Materials Project's corrections; -: no")
    out.print("total energies. Addresses, checksums and citations are in what --json writes.")
    out.print("What is missing is fetched on first use, or now by mlipcheck data NAME, into")
    out.print(str(datasets.cache_folder()), markup=False)
    out.print("Or put it under its name into a folder of yours, which is looked at first, and name")
    out.print(f"that in {datasets.tell_named_folder()}.", markup=False)
