"""What is known and what was predicted, as lists for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ase import Atoms, units

from ..calculators.backend import Backend
from ..calculators.base import CalculatorInfo, Evaluation
from ..drawing.tables import Block, Paragraph, TableBlock
from ..references import datasets
from ..references.datasets import Dataset
from ..references.reader import formula_as_written
from .tables import describe_calculator

MANY_ATOMS = 50


def heading(info: CalculatorInfo) -> Paragraph:
    """Return the line on the model above what it has computed."""
    return Paragraph(describe_calculator(info), "heading")


def list_evaluations(
    names: Sequence[str], images: Sequence[Atoms], evaluations: Sequence[Evaluation]
) -> Iterator[Block]:
    """Return energy, forces, stress and magnetic moments of each structure."""
    for name, atoms, e in zip(names, images, evaluations, strict=True):
        yield Paragraph(f"{name} ({formula_as_written(atoms)})")
        if e.error is not None or e.energy is None or e.forces is None:
            yield Paragraph(f"error: {e.error or 'no energy and forces'}", "fail", inset=True)
            continue
        n = len(atoms)
        yield Paragraph(f"energy {e.energy:.6f} eV   {e.energy / n:.6f} eV/atom", inset=True)
        if e.stress is not None:
            gpa = "  ".join(f"{x / units.GPa:+.4f}" for x in e.stress)
            yield Paragraph(f"stress xx yy zz yz xz xy: {gpa} GPa", inset=True)
        fmax = max(float((f**2).sum() ** 0.5) for f in e.forces)
        yield Paragraph(f"largest force {fmax:.4f} eV/Å", inset=True)
        if n > MANY_ATOMS:
            yield Paragraph(f"{n} atoms: forces are in the file of --json", inset=True)
        else:
            yield _atoms(atoms, e)


def _atoms(atoms: Atoms, e: Evaluation) -> TableBlock:
    assert e.forces is not None
    heads = ["atom", "F_x\neV/Å", "F_y\neV/Å", "F_z\neV/Å"]
    heads += ["moment\nμ_B"] if e.magmoms is not None else []
    rows = []
    for k, (symbol, force) in enumerate(zip(atoms.symbols, e.forces, strict=True)):
        moment = [f"{e.magmoms[k]:.4f}"] if e.magmoms is not None else []
        rows.append((f"{k} {symbol}", *(f"{x:+.5f}" for x in force), *moment))
    return TableBlock("", tuple(heads), tuple(rows), (False, *(True for _ in heads[1:])))


def list_backends(backends: Sequence[Backend]) -> Iterator[Block]:
    """Return what is known, what is there, and what is missing."""
    heads = ("backend", "installed", "checkpoints", "level of theory", "energies", "licence")
    rows = []
    for b in backends:
        first = (b.name, b.version or ("yes" if b.installed and not b.error else "no"))
        if not b.checkpoints:
            rows.append((*first, b.summary, "", "", ""))
        groups: dict[tuple[str, str, str], list[str]] = {}
        for c in b.checkpoints:
            facts = (c.level_of_theory, c.energy_convention, c.licence)
            groups.setdefault(facts, []).append(f"{c.name} ✓" if c.found else c.name)
        for facts, names in groups.items():
            rows.append((*first, ", ".join(names), *facts))
            first = ("", "")
    yield TableBlock("Backends", heads, tuple(rows), (False,) * len(heads))
    yield Paragraph(
        "The first checkpoint is the default; ✓ needs no download. raw: as DFT printed them; "
        "mp2020: with the Materials Project's corrections; own: a zero of its own."
    )
    for b in backends:
        also = f" ({b.needs})" if b.needs else ""
        if b.error is not None:
            yield Paragraph(f"{b.name}: {b.error}", "fail")
        elif not b.installed:
            yield Paragraph(f"{b.name}: {b.pip_line}{also}")
    run = ", ".join(b.name for b in backends if b.runs_code)
    yield Paragraph(
        f"Loading a checkpoint of {run} runs code in it: take one only from whom you trust."
    )
    yield Paragraph(
        "Your own: -b package.module:factory, where factory() returns an ASE calculator."
    )


def list_datasets(chosen: Sequence[Dataset]) -> Iterator[Block]:
    """Return what can be named, and where it is or would come from."""
    heads = ("data set", "what it is", "level of theory", "energies", "licence", "size")
    rows, places = [], []
    for d in chosen:
        size = f"{sum(file.bytes for file in d.files) / 1e6:.1f} MB"
        facts = (d.summary, d.level_of_theory, d.energy_convention or "-", d.licence)
        rows.append((d.name, *facts, size))
        for copy in datasets.list_copies(d.name):
            place = str(copy.path or f"not here: {copy.file.name}")
            places.append((d.name, f"damaged: {copy.error}" if copy.error else place))
    yield TableBlock("Data sets", heads, tuple(rows), (False,) * 5 + (True,))
    yield TableBlock("", ("data set", "where it is"), tuple(places), (False, False))
    yield Paragraph(
        "raw: as DFT printed them; mp2020: with the Materials Project's corrections; -: no total "
        "energies. Addresses, checksums and citations are in what --json writes. What is missing "
        "is fetched on first use, or now by mlipcheck data NAME, into"
    )
    yield Paragraph(str(datasets.data_folder()))
    yield Paragraph(
        f"Or put it there under its name, or let {datasets.ENVIRONMENT_VARIABLE} name the folder "
        "that has it."
    )
