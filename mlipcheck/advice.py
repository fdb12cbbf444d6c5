"""From rows and findings to what would help next: each check's own, and what crosses checks."""

from __future__ import annotations

import re

from .calculators.backends import list_backends
from .checks import list_checks
from .drawing.tables import capital, some
from .record import Advice, RunRecord
from .uses import CARE, NO, USES

OTHER = "compare with another model"
FAULTY = (CARE, NO)
COMMAND = re.compile(r"mlipcheck (run|dimer|relax|parity|contract) ")  # that takes several
MODEL = re.compile(r" (-b|--backend)")  # wherever it was typed
# What resolves a doubt about a reference; others are of the reference's kind, or say it themselves.
FIXES = {
    "level of theory": "relax or compute a few frames with {level}",
    "not at rest": "relax the reference to smaller forces",
    "pressed": "relax the cell of the reference too",
    "scf": "converge the SCF of the reference",
    "unit": "correct the unit of the labels",
    "sign": "correct the sign of the labels",
    "component order": "write the stress in the order xx yy zz yz xz xy",
    "own labels": "give labels of a reference calculation",
}


def advise(run: RunRecord) -> tuple[Advice, ...]:
    """Return what would help next; it goes by the findings that the record has.

    Nothing is advised that the record does not bear out: a factor only where it was accepted on
    frames that it had not seen, a number of frames only where it was measured. A command runs as
    it is printed.
    """
    found = _better_references(run)
    found += [advice for check in reversed(list_checks()) for advice in check.advice(run)]
    faults = [a.decided_by for a in run.uses if a.answer in FAULTY and a.decided_by is not None]
    if any(not run.findings[k].doubts for k in faults):
        found.append(_another_model(run))
    return tuple(found)


def _better_references(run: RunRecord) -> list[Advice]:
    """Advise what would resolve the doubts about references, and name the uses."""
    doubtful = [f for f in run.findings if any(d.kind in FIXES for d in f.doubts)]
    kinds = dict.fromkeys(d.kind for f in doubtful for d in f.doubts if d.kind in FIXES)
    if not kinds:
        return []
    level = run.calculator.level_of_theory or "the model's level of theory"
    fixes = "; ".join(FIXES[kind].format(level=level) for kind in kinds)
    concerned = {name for f in doubtful for name in (*f.decides, *f.hints)}
    titles = [use.title for use in USES if use.name in concerned]
    text = f"{capital(fixes)}. It helps to: {some(titles, 2)}."
    return [Advice("matching reference", text)]


def _another_model(run: RunRecord) -> Advice:
    """Advise the same command with a second model, where one is here with its weights."""
    others = [
        b.name
        for b in list_backends()
        if b.installed and b.package and b.name != run.calculator.backend
        if b.checkpoints and b.checkpoints[0].found
    ]
    # options are of one backend, and two may have no demonstration in common
    alike = not run.calculator.options and not run.subject.demonstration
    # not what is left of an interrupted comparison
    alone = len(MODEL.findall(run.command)) == 1 and " -- " not in run.command
    if others and alike and alone and COMMAND.match(run.command):
        text = f"{others[0]} is installed; side by side the report says which one to use for what."
        return Advice(OTHER, text, f"{run.command} -b {others[0]}")
    text = "It may do better here: mlipcheck backends lists which are installed, and how to install"
    return Advice(OTHER, f"{text} others; give it as second -b.")
