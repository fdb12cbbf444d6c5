"""The verdict as blocks that any format can write: answers by use, and the findings behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..checks import list_checks
from ..comparison import Comparison
from ..drawing.tables import Paragraph, TableBlock, count, some
from ..record import CROSSED, NOT_RUN, STATUSES, Finding, Model, RunRecord, Subject, UseAnswer
from ..uses import NOT_TESTED, OWN, USES

MAX_LISTED = 6  # subjects of a finding, formulas of a title
MAX_NAME = 40  # characters
LEGEND = "with care: near a limit, a hint, or a doubtful reference; no: a deciding test fails"
USE_WIDTH, OTHER_WIDTH = 22, 16  # characters on a terminal, so that what decided has most of it
PASSED = {"ok": "passed", "caution": "known to fail", "fail": "failed", "not assessed": "not run"}


def name_subject(subject: Subject) -> str:
    """Return what a run was about, as short as a title."""
    if subject.demonstration:
        return "a demonstration"
    return some([*dict.fromkeys((*subject.formulas, *subject.elements))], MAX_LISTED)


def describe_frames(subject: Subject) -> str:
    """Return what the labelled frames of a run are; nothing where there are none."""
    if not subject.frames:
        return ""
    levels = [level or "level of theory not known" for level in subject.levels]
    frames = f"{count(subject.frames, 'reference frame')} of {count(subject.runs, 'run')}"
    return ", ".join([frames, *levels])


def describe_finding(f: Finding, run: RunRecord) -> str:
    """Return a finding: whose, what, how much; and in a line what speaks against its reference."""
    name = f.subjects[0]
    if len(name) > MAX_NAME:  # a path's beginning and end say most
        name = f"{name[: MAX_NAME // 3]}…{name[-MAX_NAME // 2 :]}"
    own = f.tested_on == OWN and len(run.rows(f.check)) == 1  # the title names it
    more = f" (and {len(f.subjects) - 1} more)" if len(f.subjects) > 1 else ""
    limits = " and ".join(f"{x:g}" for x in (f.caution, f.fail) if x is not None)
    limits = f", limits {limits} {f.unit}" if limits and f.unit and f.status in CROSSED else ""
    doubts = "".join(f"\nbut {doubt.text}" for doubt in f.doubts[:1])
    return f"{'' if own else f'{name}, '}{f.quantity}: {f.value}{limits}{more}{doubts}"


def list_uses(models: Sequence[Model], *, tried_only: bool = False) -> TableBlock:
    """Return the verdict: for each use the answer of each model, and what decided it.

    With ``tried_only`` a use that no finding is about is left out.
    """
    rows = []
    alone = len(models) == 1
    tried = {use for m in models for f in m.run.findings for use in f.decides}
    for use in USES:
        unknown = UseAnswer(use.name, NOT_TESTED, None, "", use.give)
        answers = [
            (m.run, next((a for a in m.run.uses if a.use == use.name), unknown)) for m in models
        ]
        untested = all(a.answer == NOT_TESTED for _, a in answers)
        if tried_only and untested and use.name not in tried:
            continue
        if alone:
            cells = [c for run, a in answers for c in (a.answer, _decided(run, a), a.tested_on)]
        else:
            cells = [f"{a.answer}\n{_decided(run, a)}" for run, a in answers]
        rows.append((use.title, *cells))
    letters = [m.letter for m in models]
    heads = ("use", *(("answer", "decided by", "tested on") if alone else letters))
    widths = (USE_WIDTH, *((0, 0, OTHER_WIDTH) if alone else (0,) * len(models)))
    return TableBlock("What it may be used for", heads, tuple(rows), (False,) * len(heads), widths)


def _decided(run: RunRecord, answer: UseAnswer) -> str:
    """Return the finding that decided, and what to give where nothing did."""
    give = f"give {answer.give}" if answer.give else ""
    if answer.decided_by is None:
        return give
    finding = run.findings[answer.decided_by]
    if any(check.foundation and check.name == finding.check for check in list_checks()):
        return "the interface tests, above"
    line = finding.value if finding.subjects == NOT_RUN else describe_finding(finding, run)
    if answer.answer != NOT_TESTED and answer.use not in finding.decides:
        line = f"hint: {line}"
        give = f"to test it, {give}" if give else ""
    return "\n".join(x for x in (line, give) if x)


def list_foundations(run: RunRecord) -> list[Paragraph]:
    """Return a line on each check that all others suppose to pass, with its worst failure."""
    lines = []
    for check in list_checks():
        found = [f for f in run.findings if f.check == check.name] if check.foundation else []
        if found:
            counts = ", ".join(f"{len(f.subjects)} {PASSED[f.status]}" for f in reversed(found))
            worst = found[0]
            why = f"; {some(worst.subjects)}: {worst.value}" if worst.status == "fail" else ""
            lines.append(Paragraph(f"{check.title}: {counts}{why}", worst.status))
    return lines


def list_failures(run: RunRecord) -> list[Paragraph]:
    """Return a line on each check some of whose rows could not be evaluated."""
    lines = []
    for check in list_checks():
        rows = run.rows(check.name)
        failed = [row for row in rows if row.error]
        if failed:
            first = f"{failed[0].name}: {failed[0].error}"
            count = f"{len(failed)} of {len(rows)} not evaluated"
            lines.append(Paragraph(f"{check.title}: {count}; {first}", "fail"))
    return lines


def list_doubts(models: Sequence[Model]) -> list[Paragraph]:
    """Return what speaks against the references, and what follows from it, each once."""
    counts: dict[str, Counter[str]] = {}
    letters: dict[str, dict[str, None]] = {}
    for model in models:
        for f in model.run.findings:
            for doubt in f.doubts:
                status = "capped" if f.capped else f.status
                counts.setdefault(doubt.text, Counter())[status] += 1
                letters.setdefault(doubt.text, {})[model.letter] = None
    lines = []
    for text, found in counts.items():
        void, capped = found["not assessed"], found["capped"]
        follows = [f"findings not judged: {void}"] if void else []
        follows += [f"would be 'no' otherwise: {capped}"] if capped else []
        end = f" ({', '.join(follows)})" if follows else ""
        start = ", ".join(filter(None, ("doubt", *letters[text])))
        lines.append(Paragraph(f"{start}: {text}{end}", "caution"))
    return lines


def recommend(comparison: Comparison) -> str:
    """Return which of several models to use for what, as a sentence; empty for one."""
    if comparison.alone:
        return ""
    groups: dict[tuple[str, ...], list[str]] = {}
    titles = {use.name: use.title for use in USES}
    for use, labels in comparison.best.items():
        groups.setdefault(labels, []).append(titles[use])
    answers = [{a.use: a.answer for a in run.uses} for run in comparison.runs]
    rest = [[given.get(use) for given in answers] for use in titles if use not in comparison.best]
    alike = all(len(set(given)) == 1 for given in rest)
    equal = "the answers are the same" if alike else "no model is shown to be better"
    if not groups:
        return f"For every use here {equal}."
    words = (f"{', '.join(labels)} for: {'; '.join(uses)}" for labels, uses in groups.items())
    return f"Better here: {'. '.join(words)}." + (f" For all other uses {equal}." if rest else "")


def list_questions(comparison: Comparison) -> TableBlock:
    """Return each question with every model's worst answer, the worst questions first."""
    letters = [model.letter for model in comparison.models]
    rows = [
        (f"{q.check}: {q.quantity}", *(_cell(found) for found in q.findings))
        for q in comparison.questions
    ]
    totals = [
        Counter(q.findings[k][0].status for q in comparison.questions if q.findings[k])
        for k in range(len(letters))
    ]
    counts = (", ".join(f"{t[s]} {s}" for s in STATUSES if t[s]) or "none" for t in totals)
    rows.append(("questions, by their worst answer", *counts))
    return TableBlock("Every question", ("", *letters), tuple(rows), (False,) * (1 + len(letters)))


def _cell(findings: Sequence[Finding]) -> str:
    """Return the worst answer, and how many rows got which."""
    if not findings:
        return "-"
    worst = findings[0]
    counts = ", ".join(f"{len(f.subjects)} {f.status}" for f in findings)
    return f"{worst.status}\n{worst.subjects[0]}: {worst.value}\n{counts}"


def list_findings(findings: Sequence[Finding]) -> TableBlock:
    """Return every finding of one model, worst first: what was found, its limits, what it means."""
    rows = []
    for f in findings:
        limits = f" ({f.limits})" if f.limits else ""
        also = f"; also {some(f.subjects[1:], MAX_LISTED)}" if f.subjects[1:] else ""
        doubts = "".join(f", but {doubt.text}" for doubt in f.doubts)
        lines = f"{f.subjects[0]}: {f.value}{doubts}{limits}\n{f.reason}{also}"
        rows.append((f.status, f"{f.check}: {f.quantity}", lines))
    counts = ", ".join(f"{sum(f.status == s for f in findings)} {s}" for s in STATUSES)
    return TableBlock(f"Findings: {counts}", ("", "question", "found"), tuple(rows), (False,) * 3)
