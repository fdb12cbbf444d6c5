"""A whole check-up in one call, with settings as the command line makes them."""

from __future__ import annotations

from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.run import run_checkup


def check_up(calculator, what=(), settings=None):
    """Return the record of every check that what was given allows."""
    return run_checkup(calculator, plan_checkup(calculator, what, settings))
