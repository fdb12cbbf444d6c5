"""Records that reports are tried on."""

from __future__ import annotations

import dataclasses

from mlipcheck import get_calculator, relax_against_reference, scan_dimers
from mlipcheck.calculators.registry import describe
from mlipcheck.record import Advice, RunRecord, Subject
from mlipcheck.references.doubts import Doubt
from mlipcheck.storage import to_plain
from mlipcheck.system import Settings
from mlipcheck.verdict import conclude

# What a name from a file may be.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'--></style></title><a href=//x.org>",
    "| * _ ` [bold]x[/] {{ 7 * 7 }} {% if %}",
    "锂离子电池 µÅ ✓",
    "a\nb\r\n# c\x00\x1b[31m",
    "long" * 500,
    "[/]",
)


def run_of(spec):
    calculator = get_calculator(spec)
    record = RunRecord(
        command=f"mlipcheck run -b {spec}",
        calculator=describe(calculator),
        versions={"mlipcheck": "1", "python": "3"},
        settings=to_plain(vars(Settings())),
        checks={
            "dimers": tuple(scan_dimers(calculator, ["N"], reference="morse")),
            "relaxation": tuple(relax_against_reference(calculator, "morse-clusters")),
        },
        not_run={"parity": "no labelled frames were given"},
        created="2026-11-23",
    )
    return conclude(record)


def with_rows(run, **rows):
    """Return the run with other rows of some checks."""
    return dataclasses.replace(run, checks={**run.checks, **{k: tuple(v) for k, v in rows.items()}})


def spoilt(run, text):
    """Put a string wherever a file or a model could have put it."""
    (scan,) = run.rows("dimers")
    one, *others = run.rows("relaxation")
    two = others[0]
    info = dataclasses.replace(
        run.calculator,
        spec=text,
        version=text,
        checkpoint=text,
        checkpoint_sha256=text,
        level_of_theory=text,
        options={text: text},
    )
    spoilt = conclude(
        dataclasses.replace(
            run,
            command=text,
            calculator=info,
            versions={text: text},
            settings={text: {text: [text]}},
            checks={
                "dimers": (dataclasses.replace(scan, pair=("N", text)),),
                "relaxation": (
                    dataclasses.replace(one, name=text, notes=(text,), level_of_theory=text),
                    dataclasses.replace(two, error=text, source=text),
                    *others[1:],
                ),
            },
            not_run={"parity": text},
            notes=(text,),
            subject=Subject(formulas=(text,), elements=(text,), frames=2, runs=1, levels=(text,)),
            created=text,
        )
    )
    worst, *others = spoilt.findings
    worst = dataclasses.replace(worst, doubts=(Doubt("unit", text), Doubt("pressed", text)))
    advice = (Advice(text, text, text), *spoilt.advice)
    return dataclasses.replace(spoilt, findings=(worst, *others), advice=advice)
