"""From results and findings to what would help next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .checks.learning.plan import FINE_TUNED
from .checks.learning.record import LearningCurve
from .checks.parity.record import Parity
from .record import Advice, Finding, RunRecord

CROSSED = ("fail", "caution")
OTHER = "another model"
MARGIN = 1.1  # of the distance at which a wall turns over: where a run is to be stopped
TOLD = 6  # pairs
ACCURACY = ("parity", "relax")  # checks whose findings more data of one's own may mend
ZERO_AND_ALL = "eV/atom"  # of errors that fall mostly because a zero of energy is learnt
NO_FILE = ("", "Atoms")  # sources that nobody can type


def advise(record: RunRecord) -> tuple[Advice, ...]:
    """Return what would help next: a factor, frames of one's own, another model, a guard.

    Nothing is advised that the record does not bear out: a factor only where it was accepted on
    frames that it had not seen, a number of frames only where it was measured. Goes by the findings
    that the record has.
    """
    crossed = [f for f in record.findings if f.status in CROSSED]
    return (
        *_rescaling(record, crossed),
        *_learning(record, crossed),
        *_guard(record, crossed),
        *_other_model(crossed),
        *_frames(record),
    )


def name_better_models(runs: Sequence[RunRecord], labels: Sequence[str]) -> tuple[RunRecord, ...]:
    """Say of each of several models which of the others holds where it does not."""
    troubles = [{_question(f) for f in run.findings if f.status in CROSSED} for run in runs]
    holds = [{_question(f) for f in run.findings if f.status == "ok"} for run in runs]
    named = []
    for k, run in enumerate(runs):
        found = [
            f"{label} holds with {', '.join(better)}"
            for j, label in enumerate(labels)
            if (better := sorted((troubles[k] & holds[j]) - troubles[j]))
        ]
        told = f"Of these, {'; '.join(found) or 'none holds where this one does not'}."
        advice = tuple(replace(a, text=told) if a.kind == OTHER else a for a in run.advice)
        named.append(replace(run, advice=advice))
    return tuple(named)


def _question(finding: Finding) -> str:
    return f"{finding.check}: {finding.quantity}"


def _rescaling(record: RunRecord, crossed: Sequence[Finding]) -> Iterator[Advice]:
    soft = {s for f in crossed if f.quantity in ("softening", "forces") for s in f.subjects}
    for p in record.parities:
        r = p.rescaling
        if r is None or p.name not in soft:
            continue
        if r.accepted:
            yield Advice(
                "rescale",
                f"Multiply the forces by {r.factor:.3f}: on frames of {p.name} that the factor had "
                f"not seen, their error falls from {r.mae:.3g} to {r.rescaled_mae:.3g} eV/Å. It "
                "mends curvatures and barriers, and moves no minimum.",
                _command(record, "parity", p, "--rescale", "--save", "factor.json"),
            )
        else:
            yield Advice(
                "do not rescale",
                f"One factor does not mend the forces of {p.name}: {'; '.join(r.refused)}.",
            )


def _learning(record: RunRecord, crossed: Sequence[Finding]) -> Iterator[Advice]:
    for curve in record.learning:
        if curve.unit != ZERO_AND_ALL:
            yield from _learnt(record, curve)
    judged = [p for p in record.parities if p.error is None]
    if not record.learning and judged and any(f.check in ACCURACY for f in crossed):
        yield Advice(
            "fine-tune",
            "How many of your own frames would mend it can be measured; --target is the error that "
            "you need.",
            _command(record, "learn", judged[0], "--target", "ERROR"),
        )


def _learnt(record: RunRecord, curve: LearningCurve) -> Iterator[Advice]:
    about = (p for p in record.parities if curve.name.startswith(f"{p.name}, "))
    labels = next(about, None)
    command = _command(record, "learn", labels, "--save", "tuned.pth") if labels else None
    wanted = [n for n in curve.needed if n.method == FINE_TUNED]
    if wanted:
        needed = wanted[0]
        yield Advice(
            "fine-tune",
            f"{curve.name}: frames needed for an error of {needed.target:g} {curve.unit} "
            f"({curve.quantity}), fine-tuned: {needed.text}.",
            command,
        )
        return
    points = [p for p in curve.points_of(FINE_TUNED) if p.mean is not None]
    if not points or curve.zero_shot is None:
        return
    last = points[-1]
    assert last.mean is not None
    falls = last.mean < curve.zero_shot
    yield Advice(
        "fine-tune" if falls else "do not fine-tune",
        f"{curve.name}: fine-tuned on {last.n} frames, the error ({curve.quantity}) "
        f"{'falls' if falls else 'does not fall: it goes'} from {curve.zero_shot:.3g} to "
        f"{last.mean:.3g} {curve.unit}.",
        command if falls else None,
    )


def _guard(record: RunRecord, crossed: Sequence[Finding]) -> Iterator[Advice]:
    """Say where to stop a run; pairs that come near in the user's structures first."""
    room = {a.name: a.distance for a in record.approaches if a.distance is not None}
    falling = [(s.name, s.wall_collapse_distance) for s in record.dimers]
    found = [(name, r) for name, r in falling if r is not None]
    walls = ("repulsive wall", "room to the collapse")
    if not found or not any(f.quantity in walls for f in crossed):
        return
    found.sort(key=lambda pair: room.get(pair[0], 99.0) / pair[1])
    told = ", ".join(f"{MARGIN * r:.2f} Å ({name})" for name, r in found[:TOLD])
    more = f" and so on for {len(found) - TOLD} more pairs" if len(found) > TOLD else ""
    yield Advice(
        "guard the wall",
        f"Stop a run in which atoms come closer than {told}{more}: {MARGIN:g} times where the wall "
        "turns over. A short-range repulsion (ZBL) added to the model keeps them apart.",
    )


def _other_model(crossed: Sequence[Finding]) -> Iterator[Advice]:
    if crossed:
        yield Advice(
            OTHER,
            "Another model may hold where this one does not: give the command again with a second "
            "-b, or join two reports, mlipcheck report FOLDER OTHER_FOLDER.",
        )


def _frames(record: RunRecord) -> Iterator[Advice]:
    if "parity" in record.not_run and not record.parities:
        yield Advice(
            "frames of your own",
            "Give frames with energies and forces of your own reference, a VASP run for example: "
            "only they say how wrong the model is on your structures.",
        )


def _command(record: RunRecord, check: str, labels: Parity, *more: str) -> str | None:
    """Return what to type about one set of frames, None where it is no file and no data set."""
    frames = labels.name if labels.source == "exact Morse" else labels.source
    if frames in NO_FILE:
        return None
    options = [f"{key}={value}" for key, value in record.calculator.options.items()]
    given = [word for option in options for word in ("-o", option)]
    words = ["mlipcheck", check, "-b", record.calculator.spec, *given, frames, *more]
    return shlex.join(words)
