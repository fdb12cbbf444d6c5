"""Damaged files through the command line: rows, or one line, and never a traceback.

``FUZZ_ROUNDS=1000 FUZZ_SEED=7 pytest tests/test_fuzz.py`` looks longer, and elsewhere.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import random

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from report_runs import HOSTILE
from vasp_files import write_outcar, write_vasprun

from mlipcheck import check_calculator, get_calculator, parity
from mlipcheck.checks.contacts import find_contacts
from mlipcheck.checks.learning.record import LearningCurve, LearningPoint, NeededFrames
from mlipcheck.storage import dumps
from mlipcheck.verdict import conclude

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "12"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
WORDS = ("nan", "inf", "1e300", "-1e308", "1e-300", "0", "-5", "119", "X", "abc", "T", "", "1 2 3")
JUNK = (None, True, 0, -1, 1.5, 1e300, 10**400, "text", [], {}, [1], ["a"], {"a": 1}, [None])


QUICKLY = ("--cell", "fixed", "--fmax", "100")  # at rest where they begin


def copper(seed, **labels):
    """Four copper atoms a little off their sites, with EMT's labels or others."""
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.005, seed=seed)
    atoms.calc = EMT()
    facts = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), **labels}
    atoms.calc = SinglePointCalculator(atoms, **facts)
    return atoms


def written(folder, name):
    """Write three frames as a file of one kind; return its text."""
    path, images = folder / name, [copper(seed) for seed in range(3)]
    if name == "vasprun.xml":
        write_vasprun(path, images)
    elif name == "OUTCAR":
        write_outcar(path, images)
    else:
        ase.io.write(path, images)
    return path.read_text()


def damaged(text, rng):
    """Return a text with a word, a line or a stretch of it gone, twice there, or another."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        lines = text.splitlines(keepends=True)
        k = rng.randrange(len(lines))
        words = lines[k].split(" ")
        w = rng.randrange(len(words))
        how = rng.randrange(7)
        if how < 3:
            words[w] = rng.choice(WORDS) + ("\n" if words[w].endswith("\n") else "")
            lines[k] = " ".join(words)
        elif how == 3:
            del lines[k : k + rng.choice((1, 1, 3))]
        elif how == 4:
            lines.insert(rng.randrange(len(lines)), lines[k])
        elif how == 5:
            lines[k] = lines[k][: rng.randrange(len(lines[k]) + 1)]
        else:
            lines[k] += rng.choice(HOSTILE)
        text = "".join(lines) or "\n"
    return text


def one_line(status, err):
    """Whether nothing was told but what a user can correct."""
    return status == 2 and err.startswith("mlipcheck: ") and err.count("\n") == 1


@pytest.mark.parametrize("command", ["parity", "relax"])
@pytest.mark.parametrize("name", ["frames.xyz", "OUTCAR", "vasprun.xml"])
def test_a_damaged_file_beside_a_good_one(tmp_path, run_cli, name, command):
    good, bad = tmp_path / "good.xyz", tmp_path / "damaged" / name
    ase.io.write(good, copper(9))
    bad.parent.mkdir()
    text = written(bad.parent, name)
    how = QUICKLY if command == "relax" else []
    for seed in range(SEED, SEED + ROUNDS):
        bad.write_text(damaged(text, random.Random(seed)))
        status, out, err = run_cli(command, "-b", "ase:emt", *how, good, bad)
        told = (seed, status, out, err)
        assert status == 0, told
        assert "good" in out, told
        assert bad.stem in out or "damaged" in out, told
        assert "mlipcheck: " not in err, told


def test_a_damaged_reference_curve(tmp_path, run_cli):
    path = tmp_path / "curve.xyz"
    r = np.linspace(0.8, 4.0, 20)
    ase.io.write(path, [_dimer(x) for x in r])
    text = path.read_text()
    for seed in range(SEED, SEED + ROUNDS):
        path.write_text(damaged(text, random.Random(seed)))
        status, out, err = run_cli("dimer", "-b", "toy", "N", "--reference", path)
        assert (status == 0 and "curve.xyz" in out) or one_line(status, err), (seed, out, err)


def _dimer(r):
    atoms = Atoms("N2", [[0, 0, 0], [r, 0, 0]])
    energy = 5 * ((1 - np.exp(-2 * (r - 1.2))) ** 2 - 1)
    atoms.calc = SinglePointCalculator(atoms, energy=energy)
    return atoms


# --- what is known to have been wrong -----------------------------------------------------------

BAD = {
    "nan-forces": {"forces": np.full((4, 3), np.nan)},
    "text": {"energy": "low"},
    "array": {"energy": np.ones(3)},
    "true": {"energy": True},
    "huge-forces": {"forces": np.full((4, 3), 1e300)},
    "huge-energy": {"energy": 1e308},
    "z119": {"numbers": 119},
    "z-5": {"numbers": -5},
    "dummy": {"numbers": 0},
    "nan": {"positions": np.nan},
    "far": {"positions": 1e300},
}


def bad_one(what, k):
    """A structure among the good ones, and what is wrong with it."""
    geometry = {k: v for k, v in what.items() if k in ("numbers", "positions")}
    atoms = copper(5, **{k: v for k, v in what.items() if k not in geometry})
    atoms.positions += 0.01 * k  # each is another one
    for name, value in geometry.items():
        atoms.arrays[name][0] = value
    atoms.calc.atoms = atoms.copy()
    return atoms


@pytest.mark.parametrize(
    ("command", "together"),
    [  # learn takes one set of frames
        *((command, True) for command in ("run", "parity", "relax", "learn")),
        *((command, False) for command in ("run", "parity", "relax")),
    ],
)
def test_bad_structures_among_good_ones(tmp_path, run_cli, command, together):
    good = [copper(seed) for seed in range(4)]
    bad = [bad_one(what, k) for k, what in enumerate(BAD.values())]
    files = {"all": [*good, *bad]} if together else {"good": good}
    files |= {} if together else {name: [atoms] for name, atoms in zip(BAD, bad, strict=True)}
    for name, images in files.items():
        ase.io.write(tmp_path / f"{name}.traj", images)
    record = tmp_path / "results.json"
    paths = [tmp_path / f"{name}.traj" for name in files]
    how = {"run": ["--quick", *QUICKLY, "--out", tmp_path / "out"], "relax": QUICKLY}
    status, _, err = run_cli(
        command, "-b", "ase:emt", *how.get(command, ()), "--json", record, *paths
    )
    assert status == 0, err
    text = record.read_text()
    names = [f"all[{4 + k}]" for k in range(len(BAD))] if together else list(BAD)
    assert [name for name in names if name not in text] == []
    found = json.loads(text)
    if command in ("run", "parity"):
        rows = found["checks"]["parity"]
        assert sum(p["frames"] for p in rows) >= 4
        assert all(p["failures"] == [] for p in rows)  # no fault of the model's


# --- results.json -------------------------------------------------------------------------------


NESTED: dict = {}
for _ in range(400):
    NESTED = {"a": NESTED}


FINDING = dict.fromkeys(("check", "quantity", "value", "reason"), "")
FINDING = {**FINDING, "status": "ok", "subjects": []}


def places(value, at=()):
    """Yield where every value of a JSON text stands."""
    yield at
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield from places(value[key], (*at, key))


def spoilt(data, rng):
    """Return a record with one thing gone, added, or of another kind, and where."""
    data = copy.deepcopy(data)
    kinds: dict[str, list[tuple]] = {}  # the numbers of an array are one place
    for at in list(places(data))[1:]:
        kinds.setdefault("/".join("*" if isinstance(k, int) else k for k in at), []).append(at)
    *before, last = at = rng.choice(kinds[rng.choice(sorted(kinds))])
    parent = data
    for key in before:
        parent = parent[key]
    old, how = parent[last], rng.randrange(6)
    if how == 0:
        del parent[last]
    elif how == 1 and isinstance(old, str):
        parent[last] = rng.choice(HOSTILE)
    elif how == 2 and isinstance(old, list) and old:
        old.append(old[0])
    elif how == 3 and isinstance(old, dict):
        old[rng.choice(("more", *HOSTILE))] = next(iter(old.values()), 1)
    elif how == 4 and isinstance(old, (int, float)):
        parent[last] = rng.choice((0, -old, 1e300, old * 1e6, None))
    else:
        parent[last] = rng.choice(JUNK)
    return data, at


@pytest.fixture(scope="module")
def record(soft_run):
    """Everything that a record can hold."""
    toy = get_calculator("toy:soft")
    labels = [copper(seed) for seed in range(4)]
    curve = LearningCurve(
        name="curve",
        quantity="RMSE of the energy",
        unit="eV",
        methods=("from scratch",),
        points=(LearningPoint("from scratch", 3, (0.2, 0.3), ("no",)),),
        zero_shot=0.4,
        test_size=9,
        settings={"seed": "0"},
        target=0.25,
        needed=(NeededFrames("from scratch", 0.25, 3.0, None, 4.0, "3"),),
        sentence="Learn.",
        notes=("a note",),
    )
    whole = dataclasses.replace(
        soft_run,
        settings={
            **soft_run.settings,
            "energy_resolution": 0.1,
            "elements": ["N"],
            "rescale": True,
        },
        notes=("a note",),
        checks={
            **soft_run.checks,
            "contacts": tuple(find_contacts([("N2", _dimer(1.1))], soft_run.rows("dimers"))),
            "parity": (parity(EMT(), labels, energy_resolution=0.1),),
            "learning": (curve,),
            "interface": tuple(check_calculator(toy)[:3]),
        },
    )
    return json.loads(dumps(conclude(whole)))


@pytest.mark.parametrize("drawn", [False, True], ids=["printed", "drawn"])
def test_a_damaged_record(tmp_path, run_cli, record, drawn):
    path = tmp_path / "results.json"
    where = ["--out", tmp_path / "report", "--markdown"] if drawn else []
    for seed in range(SEED, SEED + (ROUNDS // 8 if drawn else 4 * ROUNDS)):
        data, at = spoilt(record, random.Random(seed))
        path.write_text(json.dumps(data))
        status, out, err = run_cli("report", path, *where)
        assert (status == 0 and out) or one_line(status, err), (seed, at, status, err)
        if status == 2:
            assert str(path) in err, (seed, at, err)


@pytest.mark.parametrize("errors", [[None], [None, 0.1], [-0.2, 0.1], [0.0], []])
def test_errors_that_no_fit_has(tmp_path, run_cli, record, errors):
    data = copy.deepcopy(record)
    data["checks"]["learning"][0]["points"][0]["errors"] = errors
    path = tmp_path / "results.json"
    path.write_text(json.dumps(data))
    status, _, err = run_cli("report", path)
    assert (status, err) == (0, "")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_in_every_field_of_a_record(tmp_path, run_cli, record, text):
    """What is no pair, status, schema or kind of doubt may hold anything, and is shown as it is."""
    data = copy.deepcopy(record)
    known = {"schema", "pair", "status"}
    for *before, last in list(places(data))[1:]:
        parent = data
        for key in before:
            parent = parent[key]
        if "doubts" in before and last == "kind":
            continue
        if isinstance(parent[last], str) and not known & {*before, last}:
            parent[last] = text
    path = tmp_path / "results.json"
    path.write_text(json.dumps(data))
    for runs in ([path], [path, path]):  # alone, and side by side
        status, out, err = run_cli("report", *runs)
        assert status == 0, err
        assert "What it may be used for" in out
        assert out.count("\n") <= 40
        status, out, err = run_cli("report", *runs, "--verbose")
        assert status == 0, err
        assert "not assessed" in out
    status, out, err = run_cli("report", path, "--markdown")
    assert status == 0, err


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"command": 3}, "command is 3, expected str"),
        ({"calculator": None}, "calculator is None, expected dict"),
        ({"checks": {"dimers": [3]}}, "checks.dimers[0] is 3, expected dict"),
        ({"checks": {"dimers": 3}}, "checks.dimers is 3, expected list"),
        ({"advice": [{"kind": "a"}]}, "advice[0] has no 'text'"),
        ({"findings": {}}, "findings is {}, expected list"),
        ({"settings": NESTED}, "is nested more than 20 deep"),
        (
            {"settings": {"energy_resolution": "x"}},
            "settings.energy_resolution is 'x', expected float",
        ),
        ({"findings": [FINDING | {"status": "good"}]}, "findings[0]: status is 'good', expected"),
        ({"schema": "mlipcheck/0"}, "schema is 'mlipcheck/0'"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_wrong_type_is_one_line(tmp_path, run_cli, record, changes, why):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(record | changes))
    status, _, err = run_cli("report", path)
    assert one_line(status, err), err
    assert why in err
    assert str(path) in err


@pytest.mark.parametrize("text", ["[" * 100_000, '{"runs": 3}', '{"runs": [3]}', '{"a": NaN}'])
def test_what_is_no_record_is_one_line(tmp_path, run_cli, text):
    path = tmp_path / "results.json"
    path.write_text(text)
    status, _, err = run_cli("report", path)
    assert one_line(status, err), err
    assert str(path) in err
