"""The decorator for other people's tests, run as they would run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HEADER = """
import pytest
from ase.calculators.emt import EMT
from faulty_interface import Noisy, good
from mlipcheck.testing import parametrize_with_checks
"""


def run(folder, body):
    """Return the counts of outcomes, and what pytest has written."""
    (folder / "test_theirs.py").write_text(HEADER + body)
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--rootdir", "."]
    done = subprocess.run(
        [*command, "-o", f"pythonpath={Path(__file__).parents[1] / 'helpers'}"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    last = done.stdout.strip().splitlines()[-1]
    return {what: int(n) for n, what in re.findall(r"(\d+) (\w+)", last)}, done.stdout


@pytest.mark.slow
def test_good_and_faulty_calculators(tmp_path):
    counts, out = run(
        tmp_path,
        """
@parametrize_with_checks([good(), "toy", Noisy], elements=["Si", "O"])
def test_interface(calculator, check):
    check(calculator)
""",
    )
    # 21 tests of three calculators, none of which has a batch
    assert (counts["passed"], counts["failed"], counts["skipped"]) == (59, 1, 3)
    assert "FAILED test_theirs.py::test_interface[Noisy-determinism]" in out
    assert "test_interface[MorseCalculator-forces_are_gradient]" in out
    assert "test_interface[toy-silence]" in out


@pytest.mark.slow
def test_known_failures_are_strict(tmp_path):
    counts, out = run(
        tmp_path,
        """
KNOWN = {"declared_properties": "no magmoms", "silence": "we thought so"}

@parametrize_with_checks([EMT()], expected_failures=KNOWN)
def test_interface(calculator, check):
    check(calculator)

@parametrize_with_checks(["ase:emt"])
def test_row(calculator, check):
    check(calculator)
""",
    )
    # the rows of backends are known too; a failure that does not come fails
    assert (counts["xfailed"], counts["failed"], counts["skipped"]) == (2, 1, 2)
    assert "FAILED test_theirs.py::test_interface[EMT-silence]" in out
    assert "EMT declares magmom and magmoms" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "outcome", "message"),
    [
        ("absent", "skipped", "needs the package not_installed_at_all"),
        ("toi", "failed", "no backend is called 'toi'"),
    ],
)
def test_what_is_not_installed_is_skipped_and_what_is_misspelt_fails(
    tmp_path, name, outcome, message
):
    counts, out = run(
        tmp_path,
        f"""
from mlipcheck.calculators import backends

ROW = backends.Backend("absent", "no:load", "-", "-", package="not_installed_at_all",
                       checkpoints=(backends.Checkpoint("one", "-", "own", "-"),))
backends.BACKENDS += (ROW,)

@parametrize_with_checks(["{name}"])
def test_interface(calculator, check):
    check(calculator)
""",
    )
    assert counts[outcome] == 21
    assert message in out
