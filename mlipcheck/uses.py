"""The verdict by use: from findings to what a model may be used for on a system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .record import ANSWERS, CROSSED, NOT_RUN, Finding, RunRecord, UseAnswer

# Where a finding was tested, the strongest evidence first.
OWN = "your structures"
PUBLIC = "public data"
ELEMENTS = "crystals of its elements"
PAIRS = "pairs of its elements"
MOLECULAR = "molecular crystals of its elements"
TOY = "a demonstration"
CONSISTENCY = "consistency only"
TESTED_ON = (OWN, PUBLIC, ELEMENTS, PAIRS, MOLECULAR, TOY, CONSISTENCY)
OF_ELEMENTS = (ELEMENTS, PAIRS, MOLECULAR)

YES, NO_FAULT, CARE, NO, NOT_TESTED = ANSWERS
MISTAKES = ("unit", "sign", "component order")  # doubts about a file that was written wrongly


@dataclass(frozen=True)
class Use:
    """One thing that people use a model for, and what to give so that it can be tested."""

    name: str
    title: str
    give: str


USES = (
    Use("relax", "relax structures", "a run that relaxed your crystal (vasprun.xml)"),
    Use(
        "energies",
        "compare energies",
        "DFT energies of several compositions, or --energy-resolution for one",
    ),
    Use("vibrations", "vibrations and elasticity", "a crystal, or displaced cells with DFT forces"),
    Use("defects", "defects, surfaces and barriers", "DFT defect or slab cells, or NEB images"),
    Use("dynamics", "molecular dynamics, ambient", "DFT frames of a run at temperature"),
    Use("hot", "hot, dense or random structures", "structures of your own"),
    Use("molecules", "molecules and gas phase", "elements, as in Cu O"),
)
ALL_USES = tuple(use.name for use in USES)


def answer_uses(findings: Sequence[Finding]) -> tuple[UseAnswer, ...]:
    """Answer for each use whether the model may be used, by the worst finding that decides it.

    Only findings that decide a use can forbid it; those that hint at it ask for care, but those
    about its elements do not where the user's own structures answer 'yes'. 'yes' needs a reference
    without doubts; without any reference the answer is 'no fault found'.
    """
    return tuple(_answer(use, findings) for use in USES)


def _answer(use: Use, findings: Sequence[Finding]) -> UseAnswer:
    deciding = [f for f in findings if use.name in f.decides]
    judged = [f for f in deciding if f.status != "not assessed"]
    faults = [f for f in judged if f.status in CROSSED]
    hints = [f for f in findings if use.name in f.hints and f.status in CROSSED]
    failed = [f for f in faults if f.status == "fail"]
    compared = [f for f in judged if f.tested_on != CONSISTENCY]
    bearing = [f for f in findings if use.name in (*f.decides, *f.hints)]
    # a file with a mistake in some of its labels; another zero of energy is none
    wrong = {
        name for f in bearing if any(d.kind in MISTAKES for d in f.doubts) for name in f.subjects
    }
    sound = [f for f in compared if not f.doubts and not wrong.issuperset(f.subjects)]
    if any(f.tested_on == OWN for f in sound):  # better evidence than what elements hint at
        hints = [f for f in hints if not f.of_elements]
    if failed:
        answer, found = NO, failed
    elif faults or hints:
        answer, found = CARE, faults or hints
    elif sound:
        answer, found = YES, sound
    elif compared:
        answer, found = CARE, compared
    elif judged:
        answer, found = NO_FAULT, judged
    else:
        answer, found = NOT_TESTED, sorted(deciding, key=lambda f: f.subjects == NOT_RUN)
    if not found:
        return UseAnswer(use.name, answer, None, give=use.give)
    best = min(found, key=lambda f: (TESTED_ON.index(f.tested_on), f.status != "fail"))
    tested_on = "" if answer == NOT_TESTED else best.tested_on
    give = "" if judged else use.give  # of what only hints, too
    return UseAnswer(use.name, answer, list(findings).index(best), tested_on, give)


def best_models(runs: Sequence[RunRecord]) -> dict[str, tuple[int, ...]]:
    """Return for each use which of several models are shown to be better than the others.

    A deciding failure puts a model behind the others whatever it was tested on. Between other
    answers only a comparison with a sound reference tells: that consistency shows no fault of a
    model may be because its noise hides it.

    Returns
    -------
    dict of str to tuple of int
        Nothing for a use where no model is behind another.
    """
    found = {}
    for use in ALL_USES:
        answers = {
            k: a
            for k, run in enumerate(runs)
            for a in run.uses
            if a.use == use and a.answer != NOT_TESTED
        }
        best = [k for k, a in answers.items() if a.answer != NO]
        if all(_is_compared(runs[k], answers[k]) for k in best):
            ranks = {k: ANSWERS.index(answers[k].answer) for k in best}
            best = [k for k in best if ranks[k] == min(ranks.values())]
        if 0 < len(best) < len(answers):
            found[use] = tuple(best)
    return found


def _is_compared(run: RunRecord, answer: UseAnswer) -> bool:
    """Tell whether what decided an answer, not a hint, was compared with a sound reference."""
    if answer.decided_by is None:
        return False
    f = run.findings[answer.decided_by]
    return answer.use in f.decides and f.tested_on != CONSISTENCY and not f.doubts
