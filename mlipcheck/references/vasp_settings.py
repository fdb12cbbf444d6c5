"""What a VASP run says of itself, from one of its files or from both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from . import incar
from .doubts import Doubt

# ISIF values that let volume and shape go; the others fix both, or the volume.
FREE_CELL = (3, 6)
# Tags that both files of a run have, and that have to be the same.
COMPARED = ("GGA", "METAGGA", "LHFCALC", "LDAU", "IVDW", "ISPIN", "NELECT")


class Species(NamedTuple):
    """Atoms of one POTCAR: its title, how many, and the valence electrons of each."""

    element: str
    title: str
    atoms: int
    valence: float


@dataclass(frozen=True)
class Settings:
    """What the run says of itself; None where it does not.

    Attributes
    ----------
    cell_free : bool or None
        Whether volume and shape could change.
    motion, steps
        What the atoms did: relaxation, single point, ...; in how many steps at most (NSW).
    finished : bool
        Whether the run ended by itself; where its file is truncated, it did not.
    unconverged : tuple of int
        The ionic steps, from 0, whose electronic steps ended before the energy settled.
    no_energy : str or None
        Why its energy is not that of its own density: band structures, GW.
    charge : float
        Of the cell, in e; 0 where it is not known.
    hubbard_u : dict or None
        The U in eV of each element (U - J in Dudarev's scheme), 0 for those that have none beside
        others that do; empty where +U is off.
    notes, disagree : tuple of str
        What was left out of its file, and why; what its files contradict each other in.
    tags, species
        What all this was read from.
    """

    cell_free: bool | None = None
    motion: str | None = None
    steps: int = 0
    finished: bool = True
    unconverged: tuple[int, ...] = ()
    no_energy: str | None = None
    charge: float = 0.0
    level_of_theory: str | None = None
    functional: str | None = None
    hubbard_u: dict[str, float] | None = None
    dispersion: str | None = None
    spin: str | None = None
    notes: tuple[str, ...] = ()
    disagree: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    species: tuple[Species, ...] = field(default=(), repr=False, compare=False)

    def label_doubt(self, step: int) -> Doubt | None:
        """Say why the energy and forces of an ionic step are not labels; None where they are."""
        if self.no_energy:
            return Doubt("not self-consistent", self.no_energy)
        if step in self.unconverged:
            return Doubt("scf", "its SCF did not converge")
        return None

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What bears on all that the run computed."""
        found = [
            Doubt("level of theory", f"the files of the reference disagree: {what}")
            for what in self.disagree
        ]
        if self.charge:
            text = f"the reference cell has a charge of {self.charge:+g} e, which no model knows"
            found.append(Doubt("charged", text))
        return tuple(found)


def settings_of(
    tags: Mapping[str, str],
    species: Sequence[Species],
    loops: Iterable[tuple[int, bool | None]] = (),
    finished: bool = True,
    notes: Sequence[str] = (),
) -> Settings:
    """Put into words what the tags of a run say, and its ``loops`` of electronic steps.

    Of each loop, how many steps it has, and whether the energy settled; None where only their
    number says it, by NELM.
    """
    functional = incar.functional_of(tags, " ".join(one.title for one in species))
    hubbard_u = incar.hubbard_u_of(tags, [one.element for one in species])
    dispersion = incar.dispersion_of(tags)
    more = "+U" * (hubbard_u != {}) + (f" + {dispersion}" if dispersion else "")
    motion, nelm = incar.motion_of(tags), incar.number_of(tags, "NELM", float("inf"))
    if motion == incar.IMAGE:
        notes = (*notes, "forces of an image of a path contain its springs and are left out")
    settled = (n < nelm if known is None else known for n, known in loops)
    return Settings(
        cell_free=incar.number_of(tags, "ISIF", 2) in FREE_CELL if "ISIF" in tags else None,
        motion=motion,
        steps=int(incar.number_of(tags, "NSW", 2)),
        finished=finished,
        unconverged=tuple(k for k, good in enumerate(settled) if not good),
        no_energy=incar.no_total_energy(tags),
        charge=_charge(tags, species),
        level_of_theory=functional and f"{functional}{more}, VASP",
        functional=functional,
        hubbard_u=hubbard_u,
        dispersion=dispersion,
        spin=incar.spin_of(tags),
        notes=tuple(notes),
        tags=tags,
        species=tuple(species),
    )


def join_settings(best: Settings, other: Settings) -> Settings:
    """Return what both files of one run say: what one leaves out, the other may have.

    Of the steps, what ``best`` says stands; where tags differ, too, and a doubt names them.
    """
    says = {k: v for k, v in best.tags.items() if v not in incar.UNSAID}
    if says.get("IVDW") == incar.SOME and "IVDW" in other.tags:
        del says["IVDW"]
    both = {**other.tags, **says}
    joined = settings_of(both, best.species or other.species)
    kept = {name: getattr(best, name) for name in ("unconverged", "finished", "notes")}
    disagree = tuple(
        f"{tag} = {best.tags[tag]} and {other.tags[tag]}"
        for tag in COMPARED
        if not _agree(best.tags.get(tag, ""), other.tags.get(tag, ""))
    )
    return replace(joined, **kept, disagree=disagree)


def _agree(one: str, two: str) -> bool:
    """Tell whether two files say the same, or one of them nothing."""
    if {one, two} & set(incar.UNSAID) or (incar.SOME in (one, two) and "0" not in (one, two)):
        return True
    try:
        return abs(float(one) - float(two)) < 0.01
    except ValueError:  # T, .TRUE.; R2SCAN, of which one file has five letters
        a, b = (text.strip(".").upper()[:5] for text in (one, two))
        return a.startswith(b) or b.startswith(a)


def _charge(tags: Mapping[str, str], species: Sequence[Species]) -> float:
    """Return the charge of the cell in e: the valence electrons of its atoms less NELECT."""
    known = species and all(one.atoms and one.valence for one in species)
    electrons = incar.number_of(tags, "NELECT", 0.0)
    valence = sum(one.atoms * one.valence for one in species)
    return round(valence - electrons, 2) + 0.0 if known and electrons else 0.0
