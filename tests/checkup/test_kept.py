"""Kept work: found again by the same model, and by no other."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.io import write
from commands import typed
from learning_frames import FakeTrainer, labelled

from mlipcheck.checks.interface.subject import CANDIDATES
from mlipcheck.checks.kept import (
    SAME,
    probe,
    read_kept,
    seal,
)
from mlipcheck.checks.learning import frames as frame_learning
from mlipcheck.checks.learning.frames import learn_from_frames
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.run import run_checkup
from mlipcheck.checkup.store import make_store
from mlipcheck.results_file import load_runs
from mlipcheck.storage import dumps
from mlipcheck.system import Settings


class Spoiled(EMT):
    """EMT with one of its results changed."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, name=None, by=0.0, *, periodic=True, knows=()):
        super().__init__()
        self.name_, self.by, self.periodic, self.knows = name, by, periodic, knows

    def calculate(self, atoms=None, *args, **kwargs):
        if atoms.pbc.any() and not self.periodic:
            raise ValueError("no crystals")
        if self.knows and not set(atoms.symbols) <= set(self.knows):
            raise KeyError("no such element")
        super().calculate(atoms, *args, **kwargs)
        if self.name_:
            self.results[self.name_] = self.results[self.name_] * (1 + self.by)


@pytest.mark.slow
def test_other_settings_find_nothing_of_these_frames(tmp_path):
    """Frames that are taken as independent, and a file of another name, whose runs have others."""
    for name in ("a.xyz", "b.xyz"):
        write_frames(tmp_path / name)
    only = ("parity", "agreement")
    for file, independent in (("a", False), ("a", True), ("b", True), ("b", False)):
        settings = Settings(only=only, independent=independent)
        plan = plan_checkup(EMT(), [str(tmp_path / f"{file}.xyz")], settings)
        found = run_checkup(EMT(), plan, store=make_store(EMT(), tmp_path / "parts", plan.system))
        assert dumps(found) == dumps(run_checkup(EMT(), plan))


# --- the probe ---------------------------------------------------------------------------------


@pytest.mark.parametrize("elements", [(), ("Cu",), ("Cu", "Al", "Pt")])
@pytest.mark.parametrize("name", Spoiled.implemented_properties)
def test_a_change_of_any_result_is_seen_and_rounding_is_not(tmp_path, elements, name):
    path = tmp_path / "part.json"
    found = probe(Spoiled(), elements)
    assert found == probe(Spoiled(), elements)
    path.write_text(seal("mine", found))
    assert read_kept(path, probe(Spoiled(name, SAME / 30), elements)) == "mine"
    for by in (1e-3, -2.0):  # a sign is a change, too
        assert read_kept(path, probe(Spoiled(name, by), elements)) is None


def test_the_elements_that_are_asked_about_are_probed():
    assert "W" not in CANDIDATES
    plain, other = LennardJones(sigma=2.2), LennardJones(sigma=2.2)
    calculate = other.calculate

    def changed(atoms=None, *args, **kwargs):
        calculate(atoms, *args, **kwargs)
        if "W" in atoms.symbols:
            other.results["energy"] += 0.1

    other.calculate = changed
    assert probe(plain) == probe(other)
    assert probe(plain, ["Cu", "W"]) != probe(other, ["Cu", "W"])


def test_what_takes_no_crystal_is_probed_without_a_cell():
    assert len(probe(Spoiled(periodic=False), ["Cu"])) == 1 + 12
    assert len(probe(Spoiled(), ["Cu"])) == 1 + 12 + 6


def test_of_two_elements_the_one_that_is_known_is_probed():
    assert probe(Spoiled(knows=("Cu",)), ["Ag", "Cu"]) == probe(EMT(), ["Cu"])
    # and where none is, common ones
    assert probe(Spoiled(knows=("Cu",)), ["W"]) == probe(EMT(), ["Cu"])


def test_forces_behind_a_wall_and_beyond_a_cutoff_are_not_compared():
    """There the last digits are rounding, or all is zero."""
    for sigma in (1.0, 2.0, 3.5):
        _, *forces = probe(LennardJones(sigma=sigma, rc=3 * sigma), ["Cu"])[:13]
        assert 0.05 < max(map(abs, forces)) < 50


def test_who_answers_for_nothing_has_nothing_to_compare():
    class Dead(Calculator):
        implemented_properties = ("energy", "forces")

        def calculate(self, *args, **kwargs):
            raise RuntimeError("dead")

    assert probe(Dead(), ["Cu"]) == []


# --- the files ---------------------------------------------------------------------------------

DAMAGE = {
    "empty": "",
    "half": lambda text: text[: len(text) // 2],
    "a digit": lambda text: text.replace("0.25", "0.26"),
    "another type": lambda text: text.replace("0.25", '"0.25"'),
    "other probe": lambda text: text.replace("1.5", "1.6"),
    "no probe": '{"content": 1, "sha256": "0"}',
    "of before": '{"energy": 0.1, "forces": 0.2}',
    "a list": "[]",
    "a number": "1",
    "deep": "[" * 100_000,
    "no text": b"\xff\xfe\x00",
    "a long number": "9" * 10_000,
}


@pytest.mark.parametrize("how", DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_or_foreign_is_not_there(tmp_path, how):
    path = tmp_path / "part.json"
    text = seal({"energy": 0.25}, [1.5])
    path.write_text(text)
    assert read_kept(path, [1.5]) == {"energy": 0.25}
    assert read_kept(path, [1.5, 1.5]) is None
    assert read_kept(path, []) is None
    damaged = how(text) if callable(how) else how
    assert damaged != text
    path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    assert read_kept(path, [1.5]) is None


def test_a_folder_or_nothing_is_not_there_either(tmp_path):
    assert read_kept(tmp_path, []) is None
    assert read_kept(tmp_path / "gone", []) is None
    assert read_kept(tmp_path / "gone" / "deeper", []) is None


def test_all_numbers_come_back(tmp_path):
    path = tmp_path / "part.json"
    content = {"x": np.array([0.1, np.nan, 1e-300, -0.0]), 3: (1, None, "Å\x1b")}
    path.write_text(seal(content, [1 / 3]))
    assert read_kept(path, [1 / 3]) == {"x": [0.1, None, 1e-300, -0.0], "3": [1, None, "Å\x1b"]}


def test_a_store_is_of_what_the_model_computes(tmp_path):
    assert make_store(Spoiled(), tmp_path).keep(int, "mine", lambda: 3) == 3
    assert make_store(Spoiled(), tmp_path).keep(int, "mine", lambda: 4) == 3
    assert make_store(Spoiled("forces", 0.01), tmp_path).keep(int, "mine", lambda: 5) == 5


# --- as a user meets it ------------------------------------------------------------------------

OWN = """
from ase.calculators.lj import LennardJones

def make():
    return LennardJones(sigma=2.3, epsilon={epsilon}, rc=6.0)
"""
LEARN = ("learn", "-b", "own:make", "frames.xyz", "--sizes", "1,3", "--repeats", "1")


def write_frames(path):
    images = []
    for k in range(10):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=k)
        atoms.calc = EMT()
        atoms.get_forces()
        images.append(atoms)
    write(path, images)


@pytest.mark.slow
def test_changed_code_learns_anew(tmp_path):
    write_frames(tmp_path / "frames.xyz")

    def learnt(epsilon, store):
        (tmp_path / "own.py").write_text(OWN.format(epsilon=epsilon))
        status, _, err = typed(tmp_path, *LEARN, "--store", store, "--json", "out.json")
        assert status == 0, err
        return load_runs(tmp_path / "out.json")[0].rows("learning")

    first = learnt(0.3, "one")
    # longer by a letter: Python takes a file of the same second and size for the one it compiled
    again = learnt(0.65, "one")
    assert again == learnt(0.65, "another")
    assert again != first


@pytest.mark.slow
def test_a_run_that_goes_on_is_of_one_model(tmp_path):
    """Stopped with one code and gone on with another, it has nothing of the first."""
    write_frames(tmp_path / "frames.xyz")

    def stop(name, total):
        if name == "parity":
            raise KeyboardInterrupt
        return nullcontext(lambda n: None)

    settings = Settings(only=("interface", "dimers", "parity"), reference=("none",))

    def once(epsilon, folder, progress=None):
        calculator = LennardJones(sigma=2.3, epsilon=epsilon, rc=6.0)
        plan = plan_checkup(calculator, [str(tmp_path / "frames.xyz")], settings)
        store = make_store(calculator, tmp_path / folder, plan.system)
        return run_checkup(calculator, plan, store=store, progress=progress), store

    once(0.3, "parts", stop)
    again, store = once(0.3, "parts", stop)
    assert store.used == 2  # the interface and the pair
    other, store = once(0.6, "parts")
    assert store.used == 0
    assert dumps(other) == dumps(once(0.6, "fresh")[0])
    assert dumps(other.rows("dimers")) != dumps(again.rows("dimers"))


class Trainer(FakeTrainer):
    def __init__(self):
        super().__init__()
        self.saved = 0

    def save(self, calculator, path):
        self.saved += 1
        super().save(calculator, path)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_model_that_is_damaged_is_learnt_again(monkeypatch, tmp_path, damage):
    trainer = Trainer()
    monkeypatch.setattr(frame_learning, "get_trainer", lambda calculator: trainer)
    labels = labelled(8)
    first = learn_from_frames(EMT(), labels, (1, 2), store=tmp_path)
    assert learn_from_frames(EMT(), labels, (1, 2), store=tmp_path) == first
    assert (trainer.saved, len(trainer.learnt)) == (1, 2)
    (model,) = tmp_path.glob("*.pth")
    model.unlink()
    if damage == "changed":
        model.write_text("a modem")
    assert learn_from_frames(EMT(), labels, (1, 2), store=tmp_path) == first
    assert (trainer.saved, len(trainer.learnt)) == (2, 3)
    assert model.read_text() == "a model"


@pytest.mark.slow
def test_the_model_of_the_largest_n_is_there_where_a_larger_one_was_learnt(monkeypatch, tmp_path):
    trainer = Trainer()
    monkeypatch.setattr(frame_learning, "get_trainer", lambda calculator: trainer)
    learn_from_frames(EMT(), labelled(8), (1, 2), store=tmp_path)
    learn_from_frames(EMT(), labelled(8), (1,), store=tmp_path)
    assert trainer.saved == 2
