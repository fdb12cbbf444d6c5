"""Records to JSON and back, and files written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from same import assert_same, there_and_back

from mlipcheck import get_calculator, relax_against_reference, scan_dimers, storage
from mlipcheck.calculators.base import CalculatorInfo, Evaluation
from mlipcheck.calculators.registry import describe
from mlipcheck.checks.dimers.record import DimerScan, Extremum
from mlipcheck.checks.relaxation.record import BondTable
from mlipcheck.record import SCHEMA, RunRecord, UseAnswer
from mlipcheck.references.structures import morse_clusters
from mlipcheck.results_file import load_runs
from mlipcheck.storage import collect_versions, dumps, to_plain, write_atomically
from mlipcheck.verdict import judge


@pytest.fixture(scope="module")
def record():
    """What the soft toy's check-up finds, in part."""
    toy = get_calculator("toy")
    checks = {
        "dimers": tuple(scan_dimers(toy, ["N"], reference="auto")),
        "relaxation": tuple(relax_against_reference(toy, morse_clusters([2, 3, 6]))),
    }
    return RunRecord(
        command="mlipcheck run",
        calculator=describe(toy),
        versions=collect_versions("mlipcheck"),
        settings={"fmax": 0.02, "cell": None, "elements": ["N"]},
        checks=checks,
        findings=judge(checks),
    )


def test_a_run_survives_the_file(record, tmp_path):
    path = tmp_path / "run.json"
    write_atomically(path, dumps(record))
    (found,) = load_runs(path)
    assert_same(found, record)
    assert found.rows("dimers")[0].comparison.wall.s_lo == pytest.approx(0.327, abs=0.01)
    assert found.rows("relaxation")[2].bonds.lengths.shape == (12,)
    assert judge(found.checks) == record.findings


def test_json_says_its_schema_and_ends_in_a_newline(record):
    text = dumps(record)
    assert text.endswith("}\n")
    assert json.loads(text)["schema"] == SCHEMA


def scan(**changes):
    numbers = np.linspace(0.5, 2.0, 4)
    facts = {"pair": ("N", "N"), "distances": numbers, "energies": numbers, "forces": numbers}
    return DimerScan(**(facts | changes))


@pytest.mark.parametrize("bad", [[np.nan] * 4, [1.0, np.nan, 2.0, 3.0], [np.nan, 1.0, 2.0, 3.0]])
def test_nan_survives_and_is_null_in_the_text(bad):
    original = scan(energies=np.array(bad), failed_points=((0.5, "NaN energy"),))
    text = dumps(original)
    assert "NaN" not in text.replace('"NaN energy"', "")
    assert "Infinity" not in text
    found = there_and_back(original)
    assert found.energies.dtype == float
    assert_same(found, original)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
def test_no_number_that_is_none_reaches_the_json(value, kind):
    plain = to_plain({"x": kind(value), "y": (kind(value), np.array([value], dtype=kind))})
    assert plain == {"x": None, "y": [None, [None]]}


def test_float32_is_written_as_a_number():
    forces = np.array([[0.1, -0.2, 0.3]], dtype=np.float32)
    original = Evaluation(energy=np.float32(0.1), forces=forces, magmoms=np.float32([1.5]))
    found = there_and_back(original)
    assert found.energy == float(np.float32(0.1))
    assert type(found.energy) is float
    np.testing.assert_array_equal(found.forces, forces)  # exactly: float64 holds every float32
    assert found.stress is None


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (True, True),
        (None, None),
        ("Å", "Å"),
        ({1: np.float64(2.5)}, {"1": 2.5}),
        (np.zeros((2, 0)), [[], []]),
        (Extremum("maximum", 1.5, 0.1), {"kind": "maximum", "distance": 1.5, "prominence": 0.1}),
    ],
)
def test_to_plain(value, plain):
    found = to_plain(value)
    assert found == plain
    assert type(found) is type(plain)


def test_integers_stay_integers():
    table = BondTable(np.array([[0, 1]]), np.array([[0, 0, -1]]), np.array([1.1]), np.array([1.2]))
    found = there_and_back(table)
    assert_same(found, table)
    assert found.indices.dtype.kind == found.images.dtype.kind == "i"


def test_an_empty_table_keeps_its_shape():
    table = BondTable(
        np.empty((0, 2), dtype=int), np.empty((0, 3), dtype=int), np.empty(0), np.empty(0)
    )
    assert_same(there_and_back(table), table)


@pytest.mark.slow
@settings(deadline=None)
@given(
    npst.arrays(
        st.sampled_from([np.float32, np.float64]),
        npst.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=5),
        elements={"allow_infinity": False},
    )
)
def test_any_array_survives(array):
    found = there_and_back(Evaluation(forces=array)).forces
    assert found.shape == array.shape
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, array.astype(float))


@pytest.mark.slow
@settings(deadline=None)
@given(st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False), st.integers())
def test_any_settings_survive(text, number, integer):
    info = CalculatorInfo(spec=text, cutoff=number)
    original = RunRecord(text, info, {text: text}, {"a": [number, integer], text: text})
    assert_same(there_and_back(original), original)


# --- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"schema": "mlipcheck/0"}', "schema is 'mlipcheck/0', expected"),
        ('{"schema": "mlipcheck/1"}', "expected 'mlipcheck/2'; run it again with this version"),
        ('{"schema": "mlipcheck/2", "runs": [{}]}', "schema is None"),
        ("{}", "schema is None"),
        ("[]", "schema is None"),
        ("3", "schema is None"),
    ],
)
def test_another_schema_is_refused(tmp_path, text, why):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=why) as error:
        load_runs(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"no json", bytes(range(256))])
def test_what_is_no_json_is_a_value_error(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011  # json's own words
        load_runs(path)


# --- writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["Å\n", b"\x89PNG\r\n", ""])
def test_write_makes_and_replaces(tmp_path, content):
    path = tmp_path / "out"
    for _ in range(2):
        write_atomically(path, content)
        expected = content.encode() if isinstance(content, str) else content
        assert path.read_bytes() == expected
        path.write_text("older and longer than what comes next")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_written_files_can_be_read_by_whom_other_files_can(tmp_path, monkeypatch, mask):
    """Another thread may start a process meanwhile, which has what umask there is."""
    old = os.umask(mask)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda new: pytest.fail("it is of the whole process"))
            write_atomically(tmp_path / "out", "x")
        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o666 & ~mask
    finally:
        os.umask(old)


@pytest.mark.parametrize("step", ["open", "replace"])
@pytest.mark.parametrize("problem", [OSError("disk full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, step, problem):
    path = tmp_path / "out"
    path.write_text("as it was")

    def fail(*args, **kwargs):
        raise problem

    monkeypatch.setattr(storage if step == "open" else os, step, fail, raising=False)
    with pytest.raises(type(problem)):
        write_atomically(path, "half a fi")
    monkeypatch.undo()
    assert path.read_text() == "as it was"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    class FullDisk:
        def __init__(self, *args):
            self.stream = open(*args)  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *args):
            self.stream.close()

        def write(self, data):
            self.stream.write(data[: len(data) // 2])
            raise OSError("disk full")

    monkeypatch.setattr(storage, "open", FullDisk, raising=False)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "out", "0123456789")
    assert list(tmp_path.iterdir()) == []


def test_versions_name_what_a_result_stands_on():
    found = collect_versions("hypothesis", None, "no-such-package")
    assert {"python", "mlipcheck", "ase", "numpy", "scipy", "vesin", "spglib"} <= set(found)
    assert "hypothesis" in found
    assert "no-such-package" not in found
    assert found["numpy"] == np.__version__


def test_an_answer_that_rests_on_no_finding_is_refused(record, tmp_path):
    path, last = tmp_path / "results.json", len(record.findings) - 1
    for k, fine in ((last, True), (None, True), (last + 1, False), (-1, False)):
        path.write_text(dumps(replace(record, uses=(UseAnswer("hot", "no", k),))))
        if fine:
            assert load_runs(tmp_path)[0].uses[0].decided_by == k
            continue
        with pytest.raises(
            ValueError, match=rf"not a complete record \(there is no finding {k}, of"
        ):
            load_runs(tmp_path)
