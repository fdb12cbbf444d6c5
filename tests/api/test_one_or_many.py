"""Single checks take one of what they take several of, and every result is short to look at."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from mlipcheck import (
    check_calculator,
    evaluate,
    list_checks,
    load_frame_sets,
    load_references,
    parity,
    relax_against_reference,
    scan_dimers,
)
from mlipcheck.storage import Record


def labelled():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    atoms.calc = EMT()
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


@pytest.mark.slow
def test_dimers():
    for what in ("Cu-Au", ["Cu-Au"], [("Cu", "Au")], iter(["Au-Cu"])):
        assert [row.pair for row in scan_dimers(EMT(), what)] == [("Au", "Cu")]
    assert [row.name for row in scan_dimers("ase:emt", "Cu")] == ["Cu-Cu"]


def test_structures():
    one, many = evaluate(EMT(), bulk("Cu")), evaluate("ase:emt", iter([bulk("Cu"), bulk("Cu")]))
    assert (len(one), len(many)) == (1, 2)
    assert one[0].energy == pytest.approx(many[1].energy)


def test_references(tmp_path):
    write(tmp_path / "cu.xyz", bulk("Cu"))
    for what in (bulk("Cu"), [bulk("Cu")], tmp_path / "cu.xyz", str(tmp_path / "cu.xyz")):
        (row,) = relax_against_reference("ase:emt", what, cell="fixed")
        assert row.converged


def test_frames(tmp_path):
    write(tmp_path / "cu.xyz", [labelled()])
    path = tmp_path / "cu.xyz"
    for what in (labelled(), [labelled()], path, str(path), [path], load_frame_sets(path)[0]):
        found = parity("ase:emt", what)
        assert found.frames == 1
        assert found.forces.mae.value == pytest.approx(0, abs=1e-6)


def test_interface_tests():
    (one,) = check_calculator("ase:emt", checks="determinism", elements="Cu")
    assert (one.name, one.status) == ("determinism", "passed")


@pytest.mark.parametrize("function", [parity, relax_against_reference])
def test_one_that_cannot_be_read_is_raised(function, tmp_path):
    with pytest.raises(InputError, match=r"nofile\.xyz: no such file"):
        function(EMT(), tmp_path / "nofile.xyz")
    (tmp_path / "broken.cif").write_text("nothing")
    with pytest.raises(InputError, match=r"broken\.cif"):
        function(EMT(), str(tmp_path / "broken.cif"))


def test_one_among_others_is_a_row(tmp_path):
    rows = relax_against_reference(EMT(), [bulk("Cu"), tmp_path / "nofile.xyz"])
    assert [row.error is None for row in rows] == [True, False]


def test_the_frames_of_the_toy_have_names():
    (found,) = load_frame_sets("morse-near")
    assert (found.name, len(found.frames)) == ("morse-near", 60)
    assert len(load_references("morse-clusters")) == 5


@pytest.mark.parametrize(
    "compute",
    [
        lambda: scan_dimers(EMT(), "Cu")[0],
        lambda: evaluate(EMT(), bulk("Cu"))[0],
        lambda: relax_against_reference(EMT(), bulk("Cu"))[0],
        lambda: parity(EMT(), labelled()),
        lambda: check_calculator(EMT(), checks="determinism")[0],
        lambda: load_frame_sets("morse-near")[0],
    ],
)
def test_results_are_short_to_look_at(compute):
    found = compute()
    assert len(repr(found)) < 1000
    assert repr(found).startswith(f"{type(found).__name__}(")


def test_results_are_plain_values():
    found = scan_dimers(EMT(), "Cu")[0]
    plain = found.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["energies"] == pytest.approx(found.energies)
    assert set(plain) == {f.name for f in dataclasses.fields(found)}


def test_every_check_has_such_rows():
    own = [check for check in list_checks() if check.row.__module__.startswith("mlipcheck.")]
    assert all(issubclass(check.row, Record) for check in own)


@dataclasses.dataclass(frozen=True, eq=False)
class Example(Record):
    """One field of each kind."""

    name: str
    curve: np.ndarray
    points: tuple[float, ...] = ()
    best: float | None = None
    inner: Example | None = None
    notes: tuple[str, ...] = ()


def test_what_a_repr_says():
    inner = Example("inner", np.zeros(1))
    found = Example("x" * 99, np.zeros((4, 3)), (1 / 3, 2.0), 1 / 3, inner, ("a",) * 50)
    text = repr(found)
    assert "curve=array(4, 3), points=(0.333333, 2), best=0.333333, inner=Example(...)" in text
    assert "notes=<50 items>" in text
    assert "x" * 40 not in text
    assert repr(inner) == "Example(name='inner', curve=array(1,))"
