"""From results and findings to what would help next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .checks.learning_plan import FINE_TUNED
from .results import Advice, ClosestApproach, DimerScan, Finding, LearningCurve, Parity

MARGIN = 1.1  # of the distance at which a wall turns over: where a run is to be stopped
TOLD = 6  # pairs
ACCURACY = ("parity", "relax")  # checks whose findings more data of one's own may mend


def advise(
    findings: Sequence[Finding],
    *,
    dimers: Sequence[DimerScan] = (),
    approaches: Sequence[ClosestApproach] = (),
    parities: Sequence[Parity] = (),
    learning: Sequence[LearningCurve] = (),
) -> tuple[Advice, ...]:
    """Return what would help next: a factor, frames of one's own, another model, a guard.

    Nothing is advised that the records do not bear out: a factor only where it was accepted on
    frames that it had not seen, a number of frames only where it was measured.
    """
    crossed = [f for f in findings if f.status in ("fail", "caution")]
    return (
        *_rescaling(parities, crossed),
        *_learning(learning, findings, crossed),
        *_guard(dimers, approaches, crossed),
        *_other_model(crossed),
        *_frames(findings),
    )


def _rescaling(parities: Sequence[Parity], crossed: Sequence[Finding]) -> Iterator[Advice]:
    soft = {s for f in crossed if f.quantity in ("softening", "forces") for s in f.subjects}
    for p in parities:
        r = p.rescaling
        if r is None or p.name not in soft:
            continue
        if r.accepted:
            yield Advice(
                "rescale",
                f"Multiply the forces by {r.factor:.3f}: on frames of {p.name} that the factor had "
                f"not seen, their error falls from {r.mae:.3g} to {r.rescaled_mae:.3g} eV/Å. It "
                "mends curvatures and barriers, and moves no minimum.",
                "mlipcheck parity ... --rescale --save factor.json",
            )
        else:
            yield Advice(
                "do not rescale",
                f"One factor does not mend the forces of {p.name}: {'; '.join(r.refused)}.",
            )


def _learning(
    learning: Sequence[LearningCurve], findings: Sequence[Finding], crossed: Sequence[Finding]
) -> Iterator[Advice]:
    for curve in learning:
        wanted = [n for n in curve.needed if n.method == FINE_TUNED]
        if wanted:
            needed = wanted[0]
            yield Advice(
                "fine-tune",
                f"{curve.name}: for an error of {needed.target:g} {curve.unit} ({curve.quantity}), "
                f"fine-tuned: {needed.text}.",
                "mlipcheck learn ... --save tuned.pth",
            )
            continue
        points = [p for p in curve.points_of(FINE_TUNED) if p.mean is not None]
        if points and curve.zero_shot is not None:
            last = points[-1]
            assert last.mean is not None
            how = "falls" if last.mean < curve.zero_shot else "does not fall: it goes"
            yield Advice(
                "fine-tune" if last.mean < curve.zero_shot else "do not fine-tune",
                f"{curve.name}: fine-tuned on {last.n} frames, the error ({curve.quantity}) {how} "
                f"from {curve.zero_shot:.3g} to {last.mean:.3g} {curve.unit}.",
                "mlipcheck learn ... --save tuned.pth" if last.mean < curve.zero_shot else None,
            )
    labelled = any(f.check == "parity" and f.subjects != ("not run",) for f in findings)
    if not learning and labelled and any(f.check in ACCURACY for f in crossed):
        yield Advice(
            "fine-tune",
            "How many of your own frames would mend it can be measured: add --learn, and --target "
            "with the error that you need.",
            "mlipcheck run ... --learn",
        )


def _guard(
    dimers: Sequence[DimerScan],
    approaches: Sequence[ClosestApproach],
    crossed: Sequence[Finding],
) -> Iterator[Advice]:
    """Say where to stop a run; pairs that come near in the user's structures first."""
    if not any(f.quantity in ("repulsive wall", "room to the collapse") for f in crossed):
        return
    room = {a.name: a.distance for a in approaches if a.distance is not None}
    falling = [(s.name, s.wall_collapse_distance) for s in dimers if s.wall_collapse_distance]
    falling.sort(key=lambda pair: room.get(pair[0], 99.0) / pair[1])
    if not falling:
        return
    told = ", ".join(f"{MARGIN * r:.2f} Å ({name})" for name, r in falling[:TOLD])
    more = f" and {len(falling) - TOLD} more pairs" if len(falling) > TOLD else ""
    yield Advice(
        "guard the wall",
        f"Stop a run in which atoms come closer than {told}{more}: {MARGIN:g} times where the wall "
        "turns over. A short-range repulsion (ZBL) added to the model keeps them apart.",
    )


def _other_model(crossed: Sequence[Finding]) -> Iterator[Advice]:
    if crossed:
        yield Advice(
            "another model",
            "Another model may hold where this one does not: give both with -b, or join the "
            "reports of two environments.",
            "mlipcheck run -b NAME -b OTHER ... or mlipcheck report FOLDER OTHER_FOLDER",
        )


def _frames(findings: Sequence[Finding]) -> Iterator[Advice]:
    if any(f.check == "parity" and f.subjects == ("not run",) for f in findings):
        yield Advice(
            "frames of your own",
            "Give frames with energies and forces of your own reference (a VASP run will do): only "
            "they say how wrong the model is on your structures.",
            "mlipcheck run ... path/to/vasprun.xml",
        )
