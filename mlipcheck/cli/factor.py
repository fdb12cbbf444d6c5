"""One factor on all forces, saved as a backend: ``parity --rescale --save FILE``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import checkup, places

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..checkup.plan import Plan
    from ..record import RunRecord

MAX_LISTED = 5  # formulas


def check(calculator: BaseCalculator, plan: Plan, path: Path | None, read: Sequence[str]) -> None:
    """Refuse what could not be saved in the end, before any work is done."""
    from ase.calculators.calculator import InputError

    from ..calculators.registry import check_safe, describe

    if path is None:
        return
    sets = plan.system.frames
    if not plan.settings.rescale:
        raise InputError("--save is of a factor; give --rescale too")
    if len(sets) != 1:
        raise InputError(f"--save is of one set of frames, {len(sets)} given; name one")
    check_safe(describe(calculator).spec, describe(calculator).options)
    places.check_writable(str(path), option="--save", inputs=read)


def finish(
    calculator: BaseCalculator, plan: Plan, run: RunRecord, path: Path | None, *, quiet: bool
) -> None:
    """Write the factor with the energies that it is about, where it was accepted."""
    from ..calculators.rescaled import RescaledCalculator
    from ..checks.parity.forces import relaxed_energies
    from ..drawing.tables import some

    if path is None:
        return
    (row,) = run.rows("parity")
    found = row.rescaling
    if found is None or not found.accepted:
        why = f": {'; '.join(found.refused)}" if found else ""
        places.say(f"{path} not written: the factor is refused{why}")
        return
    labels = plan.system.frames[0]
    with checkup.progress_bar("relaxing", None) as advance:
        energies, failed = relaxed_energies(calculator, labels, advance)
    for formula, why in failed:
        places.say(f"{formula} left out of {path}: {why}")
    if not energies:
        places.say(f"{path} not written: no composition could be relaxed")
        return
    fit = {"frames": labels.name, "fingerprint": row.fingerprint, **dataclasses.asdict(found)}
    with places.as_mistake(f"--save {path}"):
        RescaledCalculator(calculator, found.factor, energies).save(path, fit)
    formulas = some(list(energies), MAX_LISTED)
    places.say(f"saved: {path}, for {formulas}; use it as -b rescaled:{path}")
