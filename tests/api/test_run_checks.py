"""run_checks: one or many of whatever a user has, and what a mistake says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import write

import mlipcheck
from mlipcheck import run_checks
from mlipcheck.api import make_settings
from mlipcheck.checks import ALIASES
from mlipcheck.cli import commands
from mlipcheck.references.inputs import as_inputs

DIMERS = {"only": "dimers", "reference": "none", "quick": True}


def labelled(n=12, factor=1.0):
    """Frames of one crystal with the forces of EMT over a factor, stored."""
    frames = []
    for seed in range(n):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces / factor)
        frames.append(atoms)
    return frames


class NeverAsked(EMT):
    """A live calculator on a user's Atoms."""

    def calculate(self, *args, **kwargs):
        raise AssertionError("a user's calculator was asked")


@pytest.mark.slow
def test_one_or_many_of_elements_and_names():
    one, many = (run_checks("ase:emt", what, **DIMERS) for what in ("Cu-Au", ["Cu-Au"]))
    assert [row.name for row in one.rows("dimers")] == ["Au-Cu"]
    assert one.to_dict()["checks"] == many.to_dict()["checks"]
    assert one.runs[0].subject.words == ("Cu-Au",)


@pytest.mark.slow
def test_several_models_stand_side_by_side():
    found = run_checks(["toy", "toy:wide"], "N", **DIMERS)
    assert found.labels == ("toy", "toy:wide")
    assert found.verdict["toy"]["molecules"] == "no"
    assert found.verdict["toy:wide"]["molecules"] == "no fault found"


@pytest.mark.slow
def test_atoms_are_a_start_and_their_calculator_is_not_asked():
    atoms = bulk("Cu", cubic=True)
    atoms.calc = NeverAsked()
    found = run_checks(EMT(), atoms, only=("relaxation", "contacts"), quick=True)
    (row,) = found.rows("relaxation")
    assert (row.name, row.start_only) == ("Cu4", True)
    assert [c.name for c in found.rows("contacts")] == ["Cu-Cu"]
    assert found.runs[0].subject.formulas == ("Cu",)
    assert found.runs[0].subject.words == ()  # nobody can type them
    assert not [a.command for a in found.runs[0].advice if a.command]


def test_results_that_a_calculator_still_holds_are_no_labels():
    atoms = bulk("Cu", cubic=True)
    atoms.calc = EMT()
    atoms.get_forces()
    (run,) = as_inputs(atoms)
    assert not run.labelled
    assert atoms.calc.results  # and the user's own are as they were


def test_what_is_stored_are_labels():
    found = run_checks(EMT(), labelled(factor=0.8), only="parity", independent=True)
    (row,) = found.rows("parity")
    assert (row.name, row.frames) == ("Cu4", 12)
    assert row.forces.s_lo.value == pytest.approx(0.8)


@pytest.mark.slow
def test_a_file_and_its_atoms_find_the_same(tmp_path):
    frames = labelled()
    write(tmp_path / "Cu4.xyz", frames)
    options = {"only": ("parity", "dimers"), "reference": "none", "quick": True}
    of_file, of_atoms = (
        run_checks(EMT(), what, **options) for what in (tmp_path / "Cu4.xyz", frames)
    )
    for check in ("parity", "dimers"):
        pairs = zip(of_file.rows(check), of_atoms.rows(check), strict=True)
        for one, other in pairs:
            assert (one.name, one.error) == (other.name, None)
    assert of_file.rows("parity")[0].fingerprint == of_atoms.rows("parity")[0].fingerprint
    assert of_file.verdict == of_atoms.verdict


def test_lists_of_atoms_are_sets_and_names_are_told_apart(tmp_path):
    write(tmp_path / "one.xyz", bulk("Au"))
    named = bulk("Cu")
    named.info["name"] = "mine"
    given = as_inputs(["Cu", tmp_path / "one.xyz", named, labelled(3), bulk("Cu"), bulk("Cu")])
    assert given[:2] == ["Cu", str(tmp_path / "one.xyz")]
    assert [run.name for run in given[2:]] == ["mine", "Cu4", "Cu", "Cu #2"]
    assert len({run.given for run in given[2:]}) == 4
    assert [f.name for f in given[3].frames] == ["Cu4[0]", "Cu4[1]", "Cu4[2]"]
    (together,) = as_inputs([bulk("Cu"), bulk("Au")])
    assert together.name == "frames"


def test_constraints_of_atoms_count():
    atoms = bulk("Cu", cubic=True)
    atoms.set_constraint(FixAtoms([0]))
    (row,) = run_checks(EMT(), atoms, only="relaxation").rows("relaxation")
    assert row.cell == "fixed"


def test_keys_of_labels_are_read_of_atoms_too():
    frames = labelled()
    for atoms in frames:
        atoms.info["mine"] = atoms.get_potential_energy()
        atoms.calc = None
    found = run_checks(EMT(), frames, only="parity", label_keys={"energy": "mine"})
    assert found.rows("parity")[0].energy.frames == 12


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (3, "3 is no input; give Atoms, a list of them, a path, or a name such as Cu"),
        ([bulk("Cu"), None], "None is no input"),
        ([[]], r"\[\] is no input"),
        ([], "inputs are an empty list"),
        ("cu", "did you mean Cu?"),
        ("cu-o", "did you mean Cu-O?"),
        ("CuO", "of a compound, give a file, or its elements: Cu O"),
        ("random-tp", "did you mean random-TP?"),
        ("nofile.xyz", "not an element, a pair of elements, a data set, or a file; data sets: "),
        (Atoms("Cu2", positions=np.zeros((2, 3))), "Atoms"),
    ],
)
def test_a_mistake_is_one_line(inputs, message):
    with pytest.raises(InputError, match=message) as caught:
        run_checks(EMT(), inputs, quick=True)
    assert "\n" not in str(caught.value)


def test_without_a_demonstration_it_asks_for_a_system():
    """What elements somebody's calculator has nobody knows: EMT would be blamed for Si."""
    with pytest.raises(InputError, match=r"^which system"):
        run_checks(EMT())


@pytest.mark.slow
def test_checks_go_by_the_names_of_the_command_line():
    found = run_checks(EMT(), "Cu", only="dimer, relaxation", quick=True)
    assert list(found.runs[0].checks) == ["dimers", "relaxation"]
    assert found.rows("dimer") == found.rows("dimers")
    names = {c.name: c.check for c in commands.COMMANDS if c.check not in (None, c.name)}
    assert names == ALIASES


@pytest.mark.slow
def test_an_element_that_it_does_not_have_is_no_fault_of_a_calculator():
    found = run_checks(EMT(), ["Fe", "Cu"], **DIMERS)
    status = {x: f.status for f in found.findings if f.quantity == "points" for x in f.subjects}
    assert status == {"Cu-Cu": "ok", "Fe-Fe": "not assessed", "Cu-Fe": "not assessed"}
    (alone,) = run_checks(EMT(), "Fe", **DIMERS).findings
    assert alone.value.endswith("NotImplementedError: No EMT-potential for Fe")
    assert run_checks(EMT(), "Fe", **DIMERS).verdict["hot"] == "not tested"


@pytest.mark.slow
@pytest.mark.parametrize("checks", ["contacts", ("contacts", "parity"), ("contacts", "relaxation")])
def test_what_cannot_be_read_beside_others_is_said_whatever_is_run(checks, tmp_path):
    broken = bulk("Cu")
    broken.positions[0] = np.nan
    missing = str(tmp_path / "missing.xyz")
    found = run_checks(EMT(), ["Cu", bulk("Cu"), broken, missing], only=checks, quick=True)
    said = [*found.runs[0].notes, *found.runs[0].not_run.values()]
    said += [row.error or "" for row in found.rows("relaxation")]
    for why in ("NaN or infinite positions or cell", "no such file"):
        assert [why in text for text in said].count(True) == 1


def test_an_unknown_setting_names_the_known():
    with pytest.raises(InputError, match="run_checks has no option 'refrence'; did you mean"):
        run_checks(EMT(), "Cu", refrence="pbe")
    with pytest.raises(InputError, match="no check is called 'dimmer'; known: interface, dimers"):
        run_checks(EMT(), "Cu", only="dimmer")
    with pytest.raises(InputError, match="no backend is called 'nope'"):
        run_checks("nope", "Cu")


def test_one_value_is_taken_where_several_may_be(tmp_path):
    found = make_settings(only="dimers", reference="pbe", paths=tmp_path, sizes=3, fits="kept")
    assert (found.only, found.reference, found.sizes) == (("dimers",), ("pbe",), (3,))
    assert found.paths == (str(tmp_path),)
    assert found.fits.name == "kept"
    assert make_settings(sizes=None).sizes is None


@pytest.mark.slow
def test_importing_the_package_loads_nothing_large():
    large = {"torch", "matplotlib", "pandas"}
    for use, modules in (("", large | {"ase", "numpy"}), ("mlipcheck.run_checks", large)):
        code = f"import sys, mlipcheck\n{use}\nprint(sorted({modules} & {{*sys.modules}}))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"


def test_the_public_names_are_there_and_typed():
    import ast
    import inspect
    from pathlib import Path

    tree = ast.parse(inspect.getsource(mlipcheck))
    typed = {a.asname for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    assert typed - {None} == set(mlipcheck.__all__) - {"__version__"}
    assert "__getattr__" not in {getattr(n, "name", "") for n in tree.body}  # takes any name
    assert all(getattr(mlipcheck, name) is not None for name in mlipcheck.__all__)
    assert mlipcheck.__version__[0].isdigit()
    assert (Path(mlipcheck.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize(
    ("calculators", "given", "message"),
    [
        ([], {}, "no calculator; give one"),
        (EMT, {}, r"the class EMT is no calculator; give one, as EMT\(\)"),
        (["toy", None], {}, "None is no calculator"),
        ("ase:emt", {"executor": "2"}, "workers is '2'; give a whole number, or an executor"),
        ("ase:emt", {"executor": 2.0}, r"workers is 2\.0; give a whole number"),
        ("ase:emt", {"executor": np.int64(0)}, "workers is 0; give 1 or more"),
        ("ase:emt", {"executor": 1, "timeout": "60"}, "timeout is 60 s; give a positive number"),
        ("ase:emt", {"seed": "1"}, "seed is '1'; give a whole number"),
        ("ase:emt", {"temperature": "300"}, "temperature is '300'; give a number"),
        ("ase:emt", {"label_keys": ["energy"]}, r"label_keys is \['energy'\]; give a dict"),
        ("ase:emt", {"cell": 3}, "cell is 3; give text"),
    ],
)
def test_what_is_of_the_wrong_kind_is_one_line(calculators, given, message):
    with pytest.raises(InputError, match=message) as caught:
        run_checks(calculators, "Cu", **given)
    assert "\n" not in str(caught.value)


def test_a_model_that_workers_cannot_be_sent_is_reported_before_any_work(monkeypatch):
    monkeypatch.setattr("mlipcheck.api.plan_checkup", NeverAsked.calculate)
    with pytest.raises(InputError, match="EMT is an object, which workers cannot be sent"):
        run_checks(["ase:emt", EMT()], "Cu", executor=2, **DIMERS)


def test_none_is_the_default():
    names = ("reference", "seed", "paths", "species", "temperature", "label_keys", "fits")
    assert make_settings(**dict.fromkeys(names)) == make_settings()
