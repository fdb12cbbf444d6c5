"""The energy of a crystal against its volume: a check of another package, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.eos import EquationOfState as Fit

from mlipcheck import evaluate
from mlipcheck.extend import (
    OWN_CONVENTION,
    SIZE,
    Check,
    Column,
    Context,
    Criterion,
    Model,
    Panel,
    Reading,
    Settings,
    Skip,
    System,
    Task,
    legend_below,
    new_axes,
    number,
)

STRAINS = np.linspace(0.94, 1.06, 7)  # of the volume


@dataclass(frozen=True, eq=False)
class EquationOfState:
    """Energies (eV/atom) at volumes (Å³/atom), where they are lowest, and B in GPa."""

    name: str
    fingerprint: str = field(default="", metadata={"input": "crystal"})
    reference_volume: float | None = None
    volumes: np.ndarray | None = None
    energies: np.ndarray | None = None
    volume: float | None = None
    bulk_modulus: float | None = None
    error: str | None = None


def read_volume(row: EquationOfState) -> Reading | None:
    if row.error or row.reference_volume is None:
        return None
    if row.volume is None:
        return Reading(None, "no minimum between the volumes")
    percent = 100 * (row.volume / row.reference_volume - 1)
    return Reading(abs(percent), f"{percent:+.2f} %")


def read_modulus(row: EquationOfState) -> Reading | None:
    if row.error or row.bulk_modulus is None:
        return None
    return Reading(row.bulk_modulus, f"{row.bulk_modulus:.0f} GPa")


class EquationsOfState(Check[EquationOfState]):
    """Press and stretch each crystal, and fit its equation of state."""

    name = "eos"
    title = "equations of state"
    asks = "how crystals answer to pressure"
    row = EquationOfState
    decides = ("relax", "vibrations")
    criteria = (
        Criterion(
            "equilibrium volume",
            read_volume,
            caution=3.0,
            fail=10.0,
            unit="%",
            source=OWN_CONVENTION,
            good="the energy is lowest where the crystal is",
            bad="the energy is lowest at another volume",
            why="densities follow the volume",
        ),
        Criterion(
            "bulk modulus",
            read_modulus,
            caution=1.0,
            fail=0.0,
            unit="GPa",
            source=OWN_CONVENTION,
            good="the crystal resists pressure",
            bad="the crystal hardly resists pressure",
            why="what does not resist pressure is no crystal",
            below=True,
        ),
    )
    columns = (
        Column("V0\nÅ³/atom", lambda r: number(r.volume, ".2f")),
        Column("B\nGPa", lambda r: number(r.bulk_modulus, ".0f")),
    )
    methods = (Column("volumes", lambda r: f"{len(r.volumes)}" if r.error is None else "-"),)

    def tasks(self, system: System, settings: Settings) -> list[Task | Skip]:
        found: list[Task | Skip] = [
            Task(r.name, r, r.fingerprint, r.relaxed, len(STRAINS))
            for r in system.references
            if r.relaxed is not None and r.relaxed.cell.rank == 3
        ]
        return found or [Skip("no crystals given")]

    def run(
        self, calculator: BaseCalculator, task: Task, context: Context
    ) -> list[EquationOfState]:
        crystal: Atoms = task.subject.relaxed
        images = []
        for strain in STRAINS:
            atoms = crystal.copy()
            atoms.set_cell(strain ** (1 / 3) * crystal.cell, scale_atoms=True)
            images.append(atoms)
        found = evaluate(calculator, images, properties=("energy",))
        error = next((e.error for e in found if e.error), None)
        facts = {"name": task.name, "fingerprint": task.subject.fingerprint}
        if error:
            return [EquationOfState(**facts, error=error)]
        volumes = np.array([a.get_volume() for a in images]) / len(crystal)
        energies = np.array([e.energy for e in found]) / len(crystal)
        facts |= {"volumes": volumes, "energies": energies}
        facts["reference_volume"] = crystal.get_volume() / len(crystal)
        if energies.argmin() in (0, len(energies) - 1):
            return [EquationOfState(**facts)]
        volume, _, modulus = Fit(volumes, energies, eos="birchmurnaghan").fit()
        return [EquationOfState(**facts, volume=volume, bulk_modulus=modulus / units.GPa)]

    def figures(self, models: Sequence[Model]) -> list[Panel]:
        figure, axis = new_axes(3.6)
        for model in models:
            rows = [r for r in model.run.rows(self.name) if r.error is None]
            for k, r in enumerate(rows):
                label = model.label if k == 0 else None
                axis.plot(
                    r.volumes,
                    r.energies - min(r.energies),
                    model.marker,
                    c=model.colour,
                    label=label,
                )
        names = [r.name for m in models for r in m.run.rows(self.name) if r.error is None]
        if not names:
            return []
        axis.set_xlabel("volume (Å³/atom)", fontsize=SIZE)
        axis.set_ylabel("energy (eV/atom)", fontsize=SIZE)
        legend_below(figure, 2)
        return [
            Panel(
                name="equations-of-state",
                caption="Energy against volume.",
                alt=f"Energy against volume of {', '.join(dict.fromkeys(names))}.",
                checks=(self.name,),
                subjects=tuple(dict.fromkeys(names)),
                figure=figure,
            )
        ]
