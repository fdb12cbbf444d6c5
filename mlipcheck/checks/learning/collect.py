"""From the errors of single fits to learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .needed import advantage_sentence, needed_frames
from .plan import Errors, Fit
from .record import FINE_TUNED, OFFSETS, RESCALED, SCRATCH, LearningCurve, LearningPoint


def collect_curves(
    name: str,
    results: Sequence[tuple[Fit, Errors]],
    zero: Errors,
    target: float | None,
    **facts: Any,
) -> tuple[LearningCurve, LearningCurve]:
    """Put finished fits together: forces first, then energies.

    Parameters
    ----------
    results : sequence of (Fit, Errors)
    zero : Errors
        Of the pretrained model as it is.
    target : float or None
        MAE of force components in eV/Å.
    **facts
        Fields of `LearningCurve` that both have.
    """
    curves = []
    for quantity, what, unit in (
        ("forces", "MAE of force components", "eV/Å"),
        ("energies", "MAE of the energy", "eV/atom"),
    ):
        points = _points(results, quantity)
        methods = tuple(dict.fromkeys(p.method for p in points))
        by_method = [[p for p in points if p.method == m] for m in methods]
        asked = target if quantity == "forces" else None
        start = zero[quantity] if quantity == "forces" else None
        curves.append(
            LearningCurve(
                name=f"{name}, {quantity}",
                quantity=what,
                unit=unit,
                methods=methods,
                points=tuple(points),
                zero_shot=zero[quantity],
                target=asked,
                needed=tuple(
                    needed_frames(p, asked, zero_shot=start, nested=True)
                    for p in by_method
                    if asked is not None
                ),
                sentence=_sentence(points, methods, zero[quantity], unit),
                **facts,
            )
        )
    return curves[0], curves[1]


def _points(results: Sequence[tuple[Fit, Errors]], quantity: str) -> list[LearningPoint]:
    gathered: dict[tuple[str, int], list[Errors]] = {}
    for fit, found in results:
        gathered.setdefault((fit.method, len(fit.train)), []).append(found)
    points = [
        LearningPoint(
            method=method,
            n=n,
            errors=tuple(e[quantity] for e in found if e.get(quantity) is not None),
            failures=tuple(str(e["failed"]) for e in found if "failed" in e),
        )
        for (method, n), found in gathered.items()
    ]
    return [p for p in points if p.errors or p.failures]


def _sentence(
    points: Sequence[LearningPoint], methods: Sequence[str], zero: float | None, unit: str
) -> str:
    """Hold the fine-tuned model, or the best that there is without one, against scratch."""
    start = FINE_TUNED if FINE_TUNED in methods else RESCALED if RESCALED in methods else OFFSETS
    return advantage_sentence(
        [p for p in points if p.method == start],
        [p for p in points if p.method == SCRATCH],
        zero,
        unit,
    )
