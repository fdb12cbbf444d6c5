"""The check of adsorption: hydrogen on the (111) face of each metal of the system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from ...calculators.base import Evaluation
from ...calculators.evaluate import evaluate
from ...check import Check, Context, Skip, Task
from ...criterion import OWN_CONVENTION, Criterion, Evidence, Reading
from ...drawing.tables import Column, Paragraph, count, number
from ...record import Model
from ...references import datasets
from ...references.metals import HYDROGEN, AdsorptionSite, hydrogen_sites
from ...system import Settings, System
from ...uses import ELEMENTS
from ..crystals import asked_elements, find_doubts
from .record import FREE_ENERGY_CORRECTION, AdsorptionEnergy, MetalAdsorption, read_volcano

if TYPE_CHECKING:
    from ...drawing.panel import Panel

# eV that two DFT codes, or the half H2 that is taken off, may differ by
REFERENCE_UNCERTAINTY = 0.05
BOND_LENGTH, BOX = 0.7505, 15.0  # Å; of H2 in PBE, and a box beyond any usual cutoff
SIGNAL = "differences on the hydrogen volcano are 0.1 to 0.2 eV"


def read_energies(row: MetalAdsorption) -> Reading:
    if row.mae is None or row.bias is None:
        return Reading(None, row.error or "no site has an energy")
    sites = count(len(row.sites), "site")
    text = f"{row.mae:.2f} eV (mean error {row.bias:+.2f}, {sites})"
    return Reading(row.mae, text, sure=row.mae - REFERENCE_UNCERTAINTY)


def read_sites(row: MetalAdsorption) -> Reading | None:
    if row.sigma is None:
        return None
    return Reading(row.sigma, f"{row.sigma:.2f} eV between sites")


class Adsorption(Check[MetalAdsorption]):
    """Put hydrogen on the metals of the system, at the geometries of the reference."""

    name = "adsorption"
    title = "adsorption of hydrogen"
    noun = "surface"
    asks = "how strongly hydrogen is bound to surfaces"
    row = MetalAdsorption
    decides = ("energies",)
    hints = ("defects",)
    criteria = (
        Criterion(
            "adsorption energy of H",
            read_energies,
            caution=0.1,
            fail=0.3,
            unit="eV",
            source=f"{OWN_CONVENTION}: {SIGNAL}; fail: beyond 0.05 eV of the reference's own",
            good="hydrogen is bound as strongly as in the reference",
            bad="hydrogen is bound too strongly or too weakly",
            why="catalysts are compared by adsorption energies",
            rests_on=("energies",),
        ),
        Criterion(
            "H between sites",
            read_sites,
            caution=0.1,
            fail=0.3,
            unit="eV",
            source=f"{OWN_CONVENTION}: {SIGNAL}",
            good="differences between sites are those of the reference",
            bad="differences between sites are wrong, and with them the stable one and diffusion",
            why="where hydrogen sits, and how it moves, are differences between sites",
            rests_on=("energies",),
        ),
    )
    columns = (
        Column("sites", lambda r: str(len(r.sites))),
        Column("failed", lambda r: str(sum(s.message is not None for s in r.sites) or "-")),
        Column("MAE\neV", lambda r: number(r.mae, ".3f")),
        Column("bias\neV", lambda r: number(r.bias, "+.3f")),
        Column("σ between\nsites eV", lambda r: number(r.sigma, ".3f")),
        Column("most stable\nby reference", lambda r: r.stable.site, left=True),
        Column("ΔE of H\nref. eV", lambda r: number(r.stable.reference, "+.3f")),
        Column("ΔE of H\nmodel eV", lambda r: number(r.stable.model, "+.3f")),
    )
    methods = (
        Column("from", lambda r: HYDROGEN),
        Column("level of theory", lambda r: r.level_of_theory),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        if "none" in settings.reference:
            return [Skip("--reference none leaves it out")]
        if datasets.find(HYDROGEN) is None:
            return [Skip(f"the reference is not here: mlipcheck data {HYDROGEN} fetches it")]
        elements, level = asked_elements(system), datasets.get_dataset(HYDROGEN).level_of_theory
        sites: dict[str, list[AdsorptionSite]] = {}
        for site in hydrogen_sites():
            sites.setdefault(site.metal, []).append(site)
        tasks: list[Task | Skip] = []
        for metal in [m for m in sites if m in elements]:
            own, name = sites[metal], f"H on {metal}(111)"
            key = (name, level, [s.reference_energy for s in own])
            images = len(own) + 2  # H2, and the slab
            tasks.append(Task(name, (own, level), key, own[0].slab_with_adsorbate, images, images))
        return tasks or [Skip(f"known for {', '.join(sites)} only")]

    def run(
        self, calculator: BaseCalculator, task: Task, context: Context
    ) -> list[MetalAdsorption]:
        sites, level = task.subject
        found = adsorption_energies(calculator, sites)
        doubts = find_doubts(calculator, level, {sites[0].metal, "H"})
        error = found[0].message if all(s.model is None for s in found) else None
        return [MetalAdsorption(task.name, found, level, doubts, error)]

    def evidence(self, row: MetalAdsorption) -> Evidence:
        return Evidence(ELEMENTS, row.doubts, ("H",))

    def remarks(self, rows: Sequence[MetalAdsorption]) -> list[Paragraph]:
        failed = [s for row in rows if not row.error for s in row.sites if s.message]
        about = "Single points at the reference's geometries, a quarter monolayer, against 1/2 H2."
        about += f" ΔG = ΔE + {FREE_ENERGY_CORRECTION} eV."
        if v := read_volcano(rows):
            right, pairs = v.right
            about += (
                f" σ between metals {v.sigma:.2f} eV: neighbours on the volcano, {v.gap:.2f} eV "
                "apart (median), come out in the right order with a chance of Φ(δ/σ) = "
                f"{v.chance:.2f}; of {pairs} pairs of metals {right} do."
            )
        said = [Paragraph(f"{s.name}: {s.message}", "fail") for s in failed]
        return [*super().remarks(rows), *said, Paragraph(about)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def adsorption_energies(
    calculator: BaseCalculator, sites: Sequence[AdsorptionSite]
) -> tuple[AdsorptionEnergy, ...]:
    """Return E(slab + H) - E(slab) - 1/2 E(H2) of sites on one slab, beside the reference.

    Single points at the reference's own geometries, H2 at its PBE bond length, all in one batch:
    what differs is the energy alone.
    """
    molecule = Atoms("H2", [[0, 0, 0], [0, 0, BOND_LENGTH]], cell=[BOX] * 3, pbc=True)
    images = [molecule, sites[0].slab, *(s.slab_with_adsorbate for s in sites)]
    h2, slab, *full = evaluate(calculator, images, properties=("energy",))
    return tuple(_row(s, h2, slab, e) for s, e in zip(sites, full, strict=True))


def _row(
    site: AdsorptionSite, h2: Evaluation, slab: Evaluation, full: Evaluation
) -> AdsorptionEnergy:
    row = AdsorptionEnergy(site.metal, site.site, site.reference_energy)
    if h2.energy is not None and slab.energy is not None and full.energy is not None:
        return replace(row, model=full.energy - slab.energy - h2.energy / 2)
    parts = {"H2": h2, "slab": slab, "slab + H": full}
    what, why = next((k, e.error) for k, e in parts.items() if e.energy is None)
    return replace(row, message=f"{what}: {why or 'the calculator has no energy'}")
