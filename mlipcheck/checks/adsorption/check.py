"""The check of adsorption: hydrogen on the (111) face of each metal of the system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ase.calculators.calculator import BaseCalculator

from ...calculators.registry import describe
from ...check import Check, Context, Skip, Task
from ...criterion import OWN_CONVENTION, Criterion, Evidence, Reading
from ...drawing.tables import Column, Paragraph, number, some
from ...record import Model
from ...references import datasets
from ...references.adsorption import DATASET, hydrogen_sites
from ...references.level_of_theory import level_doubt
from ...system import Settings, System
from ...uses import ELEMENTS
from .compare import FREE_ENERGY_CORRECTION, MIN_POINTS, adsorption_energies, compare_sites
from .record import MetalAdsorption

if TYPE_CHECKING:
    from ...drawing.panel import Panel

# eV that two DFT codes, or the half H2 that is taken off, may differ by
REFERENCE_UNCERTAINTY = 0.05
SIGNAL = "differences on the hydrogen volcano are 0.1 to 0.2 eV"


def read_energies(row: MetalAdsorption) -> Reading:
    if row.mae is None or row.bias is None:
        return Reading(None, row.error or "no site has an energy")
    sites = f"{len(row.sites)} sites" if len(row.sites) > 1 else "1 site"
    text = f"{row.mae:.2f} eV (mean error {row.bias:+.2f}, {sites})"
    return Reading(row.mae, text, sure=row.mae - REFERENCE_UNCERTAINTY)


def read_sites(row: MetalAdsorption) -> Reading | None:
    if row.sigma_sites is None:
        return None
    return Reading(row.sigma_sites, f"{row.sigma_sites:.2f} eV between sites")


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
        Column("σ between\nsites eV", lambda r: number(r.sigma_sites, ".3f")),
        Column("most stable\nby reference", lambda r: r.stable.site, left=True),
        Column("ΔE of H\nref. eV", lambda r: number(r.stable.reference, "+.3f")),
        Column("ΔE of H\nmodel eV", lambda r: number(r.stable.model, "+.3f")),
    )
    methods = (
        Column("from", lambda r: DATASET),
        Column("level of theory", lambda r: r.level_of_theory),
        Column("H2 in", lambda r: r.environment),
    )

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        if "none" in settings.reference:
            return [Skip("--reference none leaves it out")]
        if datasets.find(DATASET) is None:
            return [Skip(f"the reference is not here: mlipcheck data {DATASET} fetches it")]
        elements = {x for word in system.elements for x in word.split("-")}
        sites = hydrogen_sites()
        metals = list(dict.fromkeys(s.metal for s in sites))
        if not elements.intersection(metals):
            return [Skip(f"known for {some(metals, len(metals))} only")]
        level = datasets.get_dataset(DATASET).level_of_theory
        tasks: list[Task | Skip] = []
        for metal in metals:
            own = tuple(s for s in sites if s.metal == metal)
            if metal in elements:
                images = len(own) + 3  # the slab, and H2 twice
                name = f"H on {metal}(111)"
                key = (name, level, [s.reference_energy for s in own])
                full = own[0].slab_with_adsorbate
                tasks.append(Task(name, (own, level), key, full, images, images))
        return tasks

    def run(
        self, calculator: BaseCalculator, task: Task, context: Context
    ) -> list[MetalAdsorption]:
        sites, level = task.subject
        found = adsorption_energies(calculator, sites)
        doubt = level_doubt(level, describe(calculator).level_of_theory, [{sites[0].metal, "H"}])
        errors = {s.message for s in found.sites if s.message}
        failed = errors.pop() if len(errors) == 1 and found.failures == len(sites) else None
        return [
            MetalAdsorption(
                name=task.name,
                sites=found.sites,
                level_of_theory=level,
                environment=found.environment,
                mae=found.mae,
                bias=found.bias,
                sigma_sites=found.sigma_sites,
                doubts=(doubt,) if doubt else (),
                error=failed or (None if found.mae is not None else "no site has an energy"),
            )
        ]

    def evidence(self, row: MetalAdsorption) -> Evidence:
        return Evidence(ELEMENTS, row.doubts)

    def remarks(self, rows: Sequence[MetalAdsorption]) -> list[Paragraph]:
        failed = [s for row in rows if not row.error for s in row.sites if s.message]
        about = "Single points at the reference's geometries, a quarter monolayer, against 1/2 H2."
        return [
            *super().remarks(rows),
            *(Paragraph(f"{s.name}: {s.message}", "fail") for s in failed),
            Paragraph(f"{about} ΔG = ΔE + {FREE_ENERGY_CORRECTION} eV."),
            *_volcano(rows),
        ]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        from .figures import draw_panels

        return draw_panels(models)


def _volcano(rows: Sequence[MetalAdsorption]) -> list[Paragraph]:
    """Say whether the order of metals can be read from the model."""
    found = compare_sites(tuple(s for row in rows for s in row.sites), "")
    v, sigma = found.volcano, found.sigma_metals
    if len(v.points) < MIN_POINTS or sigma is None or v.neighbour_chance is None:
        return []
    return [
        Paragraph(
            f"All sites: MAE {number(found.mae, '.3f')} eV, r {number(found.pearson_r, '.3f')}, "
            f"σ between metals {sigma:.2f} eV. Neighbours on the volcano, {v.neighbour_gap:.2f} eV "
            f"apart (median), come out in the right order with a chance of Φ(δ/σ) = "
            f"{v.neighbour_chance:.2f}; of {v.pairs} pairs of metals {v.pairs_right} do."
        )
    ]
