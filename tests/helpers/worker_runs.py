"""Check-ups in this process, and by workers."""

from __future__ import annotations

from dataclasses import replace

from mlipcheck import get_calculator
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.run import run_checkup
from mlipcheck.checkup.store import make_store
from mlipcheck.checkup.workers import open_stand_in
from mlipcheck.storage import dumps
from mlipcheck.system import Settings

METALS = ["Ag", "Al", "Cu", "Ni"]
DEADLY = ["Au", "Pd", "Pt"]
RELAX = Settings(only=("relaxation",))
LONG = 300.0  # s, more than anything takes on any machine: it ends what hangs
SHORT = 15.0  # s, many times what a task takes once its process has started


def serial(spec, what, settings):
    calculator = get_calculator(spec)
    return run_checkup(calculator, plan_checkup(calculator, what, settings))


def parallel(spec, what, settings, executor=2, timeout=None, folder=None, marker=None):
    """Return the record and the store; a ``marker`` is there once all is planned."""
    with open_stand_in({"spec": spec}, executor, timeout) as calculator:
        plan = plan_checkup(calculator, what, settings)
        if marker is not None:
            marker.touch()
        store = make_store(calculator, folder, plan.system) if folder else None
        return run_checkup(calculator, plan, store=store), store


def same(one, other):
    return dumps(replace(one, workers=1)) == dumps(replace(other, workers=1))
