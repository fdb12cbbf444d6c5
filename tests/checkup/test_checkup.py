"""The check-up: what it makes of what it is given, and whether its verdict is honest."""

from __future__ import annotations

import re
from contextlib import contextmanager

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.io import write
from ase.optimize import BFGS
from checking import check_up
from faulty import ExtraPairEnergy, Failing, Faulty, ScaledForces, gaussian, step
from vasp_files import write_vasprun

from mlipcheck import get_calculator
from mlipcheck.checks import list_checks
from mlipcheck.checks.contacts import Contact
from mlipcheck.checks.dimers.check import QUICK_PAIRS
from mlipcheck.checks.parity.check import QUICK_FRAMES
from mlipcheck.checkup.find import find_system, sort_words
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.run import run_checkup
from mlipcheck.checkup.store import make_store
from mlipcheck.record import STATUSES
from mlipcheck.storage import dumps
from mlipcheck.system import Settings
from mlipcheck.verdict import judge

MORSE = ["N", "morse-near", "morse-far", "morse-clusters"]
AGAINST_MORSE = Settings(reference=("morse",), energy_resolution=0.1)


def statuses(record) -> dict[tuple[str, str], str]:
    """Return the worst status of each question."""
    worst: dict[tuple[str, str], str] = {}
    for f in record.findings:
        known = worst.get((f.check, f.quantity), "ok")
        worst[f.check, f.quantity] = min(known, f.status, key=STATUSES.index)
    return worst


def labelled(atoms: Atoms) -> Atoms:
    """Return a copy with labels that another converged calculation would have."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    rng = np.random.default_rng(abs(int(1e6 * atoms.positions.sum())))
    energy = atoms.get_potential_energy() + len(atoms) * rng.normal(0, 1e-3)
    forces = atoms.get_forces() + rng.normal(0, 2e-3, (len(atoms), 3))
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


@pytest.fixture(scope="module")
def relaxed_run():
    """A relaxation of EMT's own: copper and a foreign atom, its cell free."""
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.symbols[0] = "Au"
    atoms.rattle(0.08, seed=1)
    atoms.calc = EMT()
    images = []
    moving = FrechetCellFilter(atoms)
    optimizer = BFGS(moving, logfile=None)
    optimizer.attach(lambda: images.append(labelled(atoms)))
    optimizer.run(fmax=0.001, steps=300)
    return images


@pytest.fixture(scope="module")
def hot_frames():
    """Twelve displaced copper cells, none of them relaxed."""
    frames = []
    for k in range(12):
        atoms = bulk("Cu", cubic=True) * (1, 1, 1 + k % 2)
        atoms.rattle(0.12, seed=k)
        frames.append(labelled(atoms))
    return frames


TITLES = {check.name: check.title for check in list_checks()}


# ---------------------------------------------------------------- what was given


def test_words_are_told_apart(tmp_path):
    (tmp_path / "Cu.xyz").write_text("")
    elements, names = sort_words(["Cu", "Cu-O", "dcdft", "random-TP", str(tmp_path / "Cu.xyz")])
    assert elements == ["Cu", "Cu-O"]
    assert names == ["dcdft", "random-TP", str(tmp_path / "Cu.xyz")]


@pytest.mark.parametrize("word", ["Xx", "coper", "nothing.xyz"])
def test_a_word_that_is_nothing_is_refused(word):
    with pytest.raises(InputError, match=f"'{word}' is not an element"):
        sort_words([word])


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("SI-si", "did you mean Si-Si?"),
        (
            "CO",
            "did you mean Co?; of a compound, give a file, or its elements: C O, or their pair",
        ),
        ("LiFePO4", "of a compound, give a file, or its elements: Li Fe P O"),
        ("dcdt", "did you mean dcdft?"),
        ("diatomic-pbe", "did you mean diatomics-pbe?"),
        ("my.cfi", "did you mean my.cif?"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(tmp_path, monkeypatch, word, hint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.cif").write_text("")
    with pytest.raises(InputError, match=re.escape(f"or a file; {hint}")):
        sort_words([word])


@pytest.mark.parametrize("word", ["Xx", "X", "X2", "2", "?", "Cu-", "--", "a/b"])
def test_nothing_is_guessed_of_what_is_like_nothing(tmp_path, monkeypatch, word):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="or a file; data sets: "):
        sort_words([word])


@pytest.mark.slow
def test_a_run_is_relaxed_and_held_against_its_labels(tmp_path, relaxed_run):
    write_vasprun(tmp_path / "vasprun.xml", relaxed_run)
    system = find_system(EMT(), [str(tmp_path)])
    assert [r.name for r in system.references] == [tmp_path.name]
    assert [len(s.frames) for s in system.frames] == [len(relaxed_run)]
    assert system.elements == ("Au-Au", "Au-Cu", "Cu-Cu")
    assert system.not_relaxed == system.unlabelled == ()
    plan = plan_checkup(EMT(), [str(tmp_path)])
    assert not {"relaxation", "parity", "contacts", "elasticity"} & plan.not_run.keys()
    assert any("Au: no straight path" in note for note in plan.notes)


@pytest.mark.slow
def test_moving_frames_are_not_relaxed(tmp_path, hot_frames):
    path = tmp_path / "hot.xyz"
    write(path, hot_frames)
    system = find_system(EMT(), [str(path)])
    assert system.references == ()
    assert len(system.frames[0].frames) == len(hot_frames)
    assert "forces above 0.1 eV/Å" in plan_checkup(EMT(), [str(path)]).not_run["relaxation"]


def test_a_bare_structure_is_relaxed_and_has_no_labels(tmp_path):
    path = tmp_path / "copper.cif"
    write(path, bulk("Cu", cubic=True))
    system = find_system(EMT(), [str(path)])
    assert len(system.references) == 1
    assert system.frames == ()
    assert "no labels" in plan_checkup(EMT(), [str(path)]).not_run["parity"]


def test_single_points_are_relaxed_where_they_are_at_rest(data_dir):
    system = find_system(EMT(), [str(data_dir / "vasp" / "phonopy")])
    assert len(system.references) == 2
    assert sum(len(s.frames) for s in system.frames) == 2


@pytest.mark.slow
def test_molecular_dynamics_is_not_relaxed_but_has_labels(tmp_path, relaxed_run):
    path = write_vasprun(tmp_path / "vasprun.xml", relaxed_run, {"IBRION": "0"})
    system = find_system(EMT(), [str(path)])
    assert system.references == ()
    assert len(system.frames[0].frames) == len(relaxed_run)
    assert "molecular dynamics" in plan_checkup(EMT(), [str(path)]).not_run["relaxation"]


@pytest.mark.slow
def test_pairs_of_a_public_set_are_not_scanned(data_dir):
    system = find_system(EMT(), ["mptrj-random-1k"])
    assert system.elements == ()
    assert (
        "name the elements of yours" in plan_checkup(EMT(), ["mptrj-random-1k"]).not_run["dimers"]
    )
    assert system.structures == ()


def test_nothing_readable_is_a_mistake(tmp_path):
    path = tmp_path / "broken.xyz"
    path.write_text("three\natoms\n")
    with pytest.raises(InputError, match="broken"):
        find_system(EMT(), [str(path)])


def test_what_cannot_be_read_beside_something_that_can_is_a_row(tmp_path, relaxed_run):
    write(tmp_path / "good.xyz", relaxed_run)
    (tmp_path / "broken.xyz").write_text("three\natoms\n")
    system = find_system(EMT(), [str(tmp_path / "good.xyz"), str(tmp_path / "broken.xyz")])
    assert [r.error is None for r in system.references] == [True, False]


# ---------------------------------------------------------------- an honest verdict


@pytest.fixture(scope="module")
def perfect():
    """The exact Morse potential, held against itself."""
    return check_up(get_calculator("toy:exact"), MORSE, AGAINST_MORSE)


@pytest.mark.slow
def test_a_perfect_calculator_has_nothing_worse_than_ok(perfect):
    found = statuses(perfect)
    assert set(found.values()) == {"ok", "not assessed"}
    unknown = {question for question, status in found.items() if status == "not assessed"}
    assert unknown == {
        *((name, title) for name, title in TITLES.items() if name in perfect.not_run),
        ("parity", "energy"),  # of one composition, whose zero is fitted
        ("parity", "pressure"),
    }
    assert perfect.not_run.keys() >= {"elasticity", "vacancies", "learning"}
    assert perfect.advice == ()
    assert not {a.answer for a in perfect.uses} & {"no", "with care"}


@pytest.mark.slow
def test_the_reference_s_own_calculator_has_nothing_worse_than_ok(tmp_path, relaxed_run):
    write_vasprun(tmp_path / "vasprun.xml", relaxed_run)
    record = check_up(EMT(), [str(tmp_path)], Settings(reference=("none",), energy_resolution=0.05))
    found = statuses(record)
    for check in ("relaxation", "parity", "contacts"):
        mine = {q: s for (c, q), s in found.items() if c == check}
        assert set(mine.values()) <= {"ok", "not assessed"}, mine
        assert "ok" in mine.values()


class Shifted(Faulty):
    """Adds a constant to one composition only, which no offset of an element explains."""

    def spoil(self, atoms):
        if len(atoms) == 4:
            self.results["energy"] += 2.0


class Loud(Faulty):
    """Prints, which no calculator should."""

    def spoil(self, atoms):
        print("hello")


# A fault, and all questions whose answers it has to change.
FAULTS = {
    "weak forces": (
        lambda base: ScaledForces(base, 0.6),
        {
            ("dimers", "conservation"),  # the energy stayed what it was
            ("parity", "softening"),
            ("interface", "interface tests"),
        },
    ),
    "a frame fails": (
        lambda base: Failing(base, lambda atoms: len(atoms) == 4 and atoms.get_distance(0, 1) > 2),
        {("parity", "frames")},
    ),
    # the labelled frames are all of it: a constant is their zero, and no error
    "one composition shifted": (
        Shifted,
        {("relaxation", "energy"), ("interface", "interface tests")},
    ),
    "prints": (Loud, {("interface", "interface tests")}),
    "a bump between two atoms": (
        lambda base: ExtraPairEnergy(base, gaussian(0.3, 3.5, 0.15)),
        {("dimers", "spurious extrema")},
    ),
    "a hole inside the wall": (
        lambda base: ExtraPairEnergy(base, gaussian(-300.0, 0.5, 0.08)),
        {
            ("dimers", "repulsive wall"),
            ("dimers", "height of the wall"),
            ("dimers", "wall displacement"),  # 10 eV are reached nowhere
            ("contacts", "contacts"),
        },
    ),
    "a jump": (
        lambda base: ExtraPairEnergy(base, step(0.2, 4.01)),
        {("dimers", "energy jumps")},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_its_own_findings_alone(fault, perfect):
    plant, implied = FAULTS[fault]
    record = check_up(plant(get_calculator("toy:exact")), MORSE, AGAINST_MORSE)
    before, after = statuses(perfect), statuses(record)
    changed = {q for q in before.keys() | after.keys() if before.get(q) != after.get(q)}
    assert changed == implied
    assert {after[q] for q in changed} <= {"caution", "fail"}


@pytest.mark.slow
def test_what_did_not_run_is_never_ok():
    record = check_up(get_calculator("toy"), ["N"], Settings())
    assert record.not_run.keys() >= {"parity", "learning", "contacts", "elasticity", "vacancies"}
    for check in list_checks():
        if check.name in record.not_run:
            (found,) = [f for f in record.findings if f.check == check.name]
            assert (found.status, found.subjects) == ("not assessed", ("not run",))
            assert found.value == record.not_run[check.name]
            assert found.reason == f"not tested: {check.asks}"


@pytest.mark.slow
def test_answers_go_by_the_worst_finding_that_decides():
    record = check_up(get_calculator("toy"))
    for answer in record.uses:
        found = [f for f in record.findings if answer.use in f.decides]
        if answer.answer == "no":
            assert "fail" in {f.status for f in found}
        if answer.answer in ("yes", "no fault found"):
            assert not {f.status for f in found} & {"fail", "caution"}
        if answer.decided_by is not None:
            decided = record.findings[answer.decided_by]
            assert answer.use in (*decided.decides, *decided.hints)
    assert {a.use for a in record.uses if a.answer == "no"} >= {"energies", "dynamics", "hot"}


# ---------------------------------------------------------------- advice


def advice_of(record) -> dict[str, str]:
    return {a.kind: a.text for a in record.advice}


@pytest.mark.slow
def test_a_soft_model_is_told_to_rescale(tmp_path, hot_frames):
    class Soft(Faulty):
        def spoil(self, atoms):
            self.results = {k: 0.7 * v for k, v in self.results.items()}

    path = tmp_path / "hot.xyz"
    write(path, hot_frames)
    record = check_up(Soft(EMT()), [str(path)], Settings(independent=True))
    assert f"Multiply the forces by {1 / 0.7:.3f}" in advice_of(record)["rescale"]


@pytest.mark.slow
def test_noise_is_not_told_to_rescale(tmp_path, hot_frames):
    class Noisy(Faulty):
        def spoil(self, atoms):
            rng = np.random.default_rng(abs(int(1e6 * atoms.positions.sum())))
            self.results["forces"] = self.results["forces"] + rng.normal(0, 3, (len(atoms), 3))

    path = tmp_path / "hot.xyz"
    write(path, hot_frames)
    record = check_up(Noisy(EMT()), [str(path)], Settings(independent=True))
    assert "rescale" not in advice_of(record)
    assert "do not rescale" in advice_of(record)


@pytest.mark.slow
def test_the_toy_s_learning_curve_says_how_many_frames():
    record = check_up(get_calculator("toy"), (), Settings(learn=True, target=0.2))
    assert len(record.rows("learning")) == 2
    assert record.rows("learning")[0].needed[0].target == 0.2
    assert "fine-tune" not in advice_of(record)  # there is no trainer for a model like the toy
    assert "learning" not in record.not_run


# ---------------------------------------------------------------- quick


@pytest.mark.slow
def test_quick_leaves_out_and_says_so(tmp_path):
    symbols = ["Cu", "Ag", "Au", "Ni", "Pd"]
    frames = []
    for k in range(30):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.symbols[:5] = symbols
        atoms.rattle(0.1, seed=k)
        frames.append(labelled(atoms))
    path = tmp_path / "frames.xyz"
    write(path, frames)
    plan = plan_checkup(EMT(), [str(path), "Pt"], Settings(quick=True, reference=("none",)))
    tasks = {job.check.name: job.tasks for job in plan.jobs}
    assert len(tasks["dimers"]) == QUICK_PAIRS
    assert [t.steps for t in tasks["parity"]] == [QUICK_FRAMES]
    assert "--quick leaves out 6 pairs" in " ".join(plan.notes)
    # what comes closest is kept: nothing of the files is left out for platinum, of which none is
    assert "Pt-Pt" not in {t.name for t in tasks["dimers"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"quick": True, "learn": True}, "leave out --quick"),
        ({"target": 0.1}, "give --learn"),
        ({"target": -1.0, "learn": True}, "positive"),
        ({"energy_resolution": -0.1}, "energy_resolution is -0.1"),
        ({"energies": "corrected"}, "raw"),
    ],
)
def test_options_that_cannot_be(options, why):
    with pytest.raises(InputError, match=why):
        plan_checkup(get_calculator("toy"), (), Settings(**options))


# ---------------------------------------------------------------- interruption


class Stop:
    """Interrupts the run after so many steps of one check."""

    def __init__(self, check: str, after: int) -> None:
        self.check = check
        self.after = after

    @contextmanager
    def __call__(self, name, total):
        left = [self.after]

        def advance(n):
            left[0] -= n
            if name == self.check and left[0] <= 0:
                raise KeyboardInterrupt

        yield advance


class Counting(Faulty):
    calls = 0

    def calculate(self, *arguments, **keywords):
        type(self).calls += 1
        super().calculate(*arguments, **keywords)


def moved(atoms, k):
    """Return another frame with the same labels in another place."""
    again = atoms.copy()
    again.positions += 0.01 * k
    return labelled(again)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "after", "unfinished"),
    [
        ("dimers", 2, {"dimers", "relaxation", "parity"}),
        ("relaxation", 2, {"relaxation", "parity"}),
        ("parity", 30, {"parity"}),
    ],
)
def test_an_interrupted_check_up_goes_on(tmp_path, hot_frames, check, after, unfinished):
    path = tmp_path / "frames.xyz"
    write(path, [moved(atoms, k) for k in range(4) for atoms in hot_frames])
    crystals = [tmp_path / f"{symbol}.xyz" for symbol in ("Cu", "Au", "Ag")]
    for crystal in crystals:
        write(crystal, bulk(crystal.stem))
    what = [str(path), *map(str, crystals)]
    only = ("interface", "dimers", "contacts", "elasticity", "relaxation", "parity")
    settings = Settings(reference=("none",), only=only)

    def once(progress=None, store=None):
        calculator = Counting(EMT())
        Counting.calls = 0
        plan = plan_checkup(calculator, what, settings)
        keep = make_store(calculator, store) if store else None
        record = run_checkup(calculator, plan, store=keep, progress=progress)
        return record, keep, Counting.calls

    whole, _, calls = once()
    folder = tmp_path / "unfinished"
    partial, _, _ = once(Stop(check, after), folder)
    assert partial.interrupted is True
    assert {c for c, why in partial.not_run.items() if why == "interrupted"} >= unfinished
    for name in unfinished:
        found = [f for f in partial.findings if f.check == name and f.subjects == ("not run",)]
        assert [f.status for f in found] == ["not assessed"]
    again, keep, less = once(None, folder)
    assert keep.used > 0
    assert less < calls
    assert dumps(again) == dumps(whole)
    keep.clear()
    assert not folder.exists()


def test_parts_of_others_are_spared(tmp_path):
    store = make_store(EMT(), tmp_path / "unfinished")
    store.keep(int, "mine", lambda: 3)
    (tmp_path / "unfinished" / "part-of-another.json").write_text("1")
    store.clear()
    assert [p.name for p in (tmp_path / "unfinished").iterdir()] == ["part-of-another.json"]


@pytest.mark.slow
def test_what_failed_is_tried_again(tmp_path):
    store = make_store(EMT(), tmp_path)
    lost = [Contact(("Cu", "O"), None, "", error="lost")]
    assert store.keep(list[Contact], "mine", lambda: lost) == lost
    assert list(tmp_path.iterdir()) == []
    failing = Failing(EMT(), lambda atoms: len(atoms) == 2)
    only = ("interface", "dimers", "relaxation")
    plan = plan_checkup(failing, ["Cu"], Settings(reference=("none",), only=only))
    keep = make_store(failing, tmp_path)
    record = run_checkup(failing, plan, store=keep)
    assert record.rows("dimers")[0].error
    again = run_checkup(failing, plan, store=(second := make_store(failing, tmp_path)))
    assert again.rows("dimers")[0].error
    assert second.used == 2  # the interface and the relaxation


@pytest.mark.slow
def test_distances_of_other_structures_are_no_part_of_this_run(tmp_path):
    """Parts in the cache outlive the command that was interrupted."""
    found = []
    for k, a in enumerate((3.6, 4.0)):
        path = tmp_path / f"{k}" / "cu.xyz"
        path.parent.mkdir()
        write(path, bulk("Cu", a=a))
        settings = Settings(only=("contacts",), reference=("none",))
        store = make_store(EMT(), tmp_path / "unfinished")
        run = run_checkup(EMT(), plan_checkup(EMT(), [str(path)], settings), store=store)
        found += [row.distance for row in run.rows("contacts")]
    assert store.used == 1  # the pair
    assert found == [pytest.approx(a / 2**0.5) for a in (3.6, 4.0)]


def test_a_part_that_is_damaged_is_computed_again(tmp_path):
    store = make_store(EMT(), tmp_path)
    assert store.keep(int, "mine", lambda: 3) == 3
    assert store.keep(int, "mine", pytest.fail) == 3
    (path,) = tmp_path.iterdir()
    path.write_text("{half")
    assert store.keep(int, "mine", lambda: 4) == 4
    # another model has nothing of it
    assert make_store(get_calculator("toy"), tmp_path).keep(int, "mine", lambda: 5) == 5


def test_an_estimate_names_every_check_that_will_run():
    plan = plan_checkup(get_calculator("toy"))
    names = [job.check.name for job in plan.jobs]
    assert names == ["interface", "dimers", "contacts", "relaxation", "parity", "agreement"]
    assert all(job.seconds >= 0 for job in plan.jobs)
    assert plan.seconds == pytest.approx(sum(job.seconds for job in plan.jobs))
    assert all(job.seconds > 0 for job in plan.jobs if job.check.name != "contacts")
    assert {"elasticity", "surfaces", "vacancies", "learning"} <= plan.not_run.keys()
    assert plan.not_run.keys() | set(names) == {check.name for check in list_checks()}
    assert plan.not_run["learning"] == "not asked for; give --learn"


# ---------------------------------------------------------------- what is no error of the model


@pytest.mark.slow
def test_a_pressed_crystal_is_no_relaxed_one(tmp_path):
    frames = []
    for k, scale in enumerate((0.94, 0.97, 1.0, 1.03)):
        atoms = bulk("Cu", a=3.59, cubic=True)  # EMT's own
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        atoms.info["internal_id"] = f"volume {k}"
        atoms.calc = EMT()
        energy, forces, stress = (
            atoms.get_potential_energy(),
            atoms.get_forces(),
            atoms.get_stress(),
        )
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
        frames.append(atoms)
    path = tmp_path / "eos.xyz"
    write(path, frames)
    system = find_system(EMT(), [str(path)])
    # the third is all but relaxed, and named as ASE counts
    assert [r.name for r in system.references] == ["eos[2]"]
    assert system.not_relaxed == tuple((f"eos[{k}]", "stress above 1 GPa") for k in (0, 1, 3))
    record = check_up(EMT(), [str(path)], Settings(reference=("none",)))
    for check in ("relaxation", "parity"):
        found = {s for (c, _), s in statuses(record).items() if c == check}
        assert found <= {"ok", "not assessed"}


def test_a_relaxed_reference_under_stress_is_not_held_against_the_model():
    from mlipcheck import relax_against_reference

    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(atoms.cell * 0.95, scale_atoms=True)
    atoms.calc = EMT()
    atoms.get_potential_energy()
    atoms.get_forces()
    atoms.get_stress()
    rows = relax_against_reference(EMT(), [atoms])
    found = {f.quantity: f for f in judge({"relaxation": rows})}
    assert rows[0].volume_change_percent > 10
    for quantity in ("volume", "bond lengths"):
        assert found[quantity].status == "caution"
        assert "GPa" in found[quantity].doubts[0].text


@pytest.mark.slow
def test_a_bare_structure_is_not_known_to_be_relaxed(tmp_path):
    path = tmp_path / "copper.cif"
    write(path, bulk("Cu", cubic=True))
    record = check_up(EMT(), [str(path)], Settings(reference=("none",)))
    assert statuses(record)["relaxation", "volume"] == "not assessed"


@pytest.mark.slow
def test_errors_of_two_elements_that_cancel_are_seen(tmp_path):
    class Uneven(Faulty):
        def spoil(self, atoms):
            factors = np.where(atoms.symbols == "Cu", 0.75, 1.25)
            self.results["forces"] = self.results["forces"] * factors[:, None]

    frames = []
    for k in range(10):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.symbols[::2] = "Ag"
        atoms.rattle(0.1, seed=k)
        frames.append(labelled(atoms))
    path = tmp_path / "two.xyz"
    write(path, frames)
    found = statuses(check_up(Uneven(EMT()), [str(path)], Settings(independent=True)))
    assert found["parity", "softening of one element"] == "caution"
    right = statuses(check_up(EMT(), [str(path)], Settings(independent=True)))
    assert right["parity", "softening of one element"] == "ok"


@pytest.mark.slow
def test_without_stress_the_cell_stays(tmp_path):
    class NoStress(Faulty):
        def __init__(self, base):
            super().__init__(base)
            self.implemented_properties = ["energy", "free_energy", "forces"]

    record = check_up(NoStress(EMT()), ["Cu"], Settings(reference=("none",)))
    (row,) = record.rows("relaxation")
    assert (row.error, row.cell, row.converged) == (None, "fixed", True)
    assert "no stress" in row.notes[-1]
    assert statuses(record)["relaxation", "convergence"] == "ok"


@pytest.mark.slow
def test_what_a_calculator_says_of_the_user_s_elements_is_told(run_cli, tmp_path, monkeypatch):
    (tmp_path / "boom.py").write_text(
        "from ase.calculators.emt import EMT\n"
        "class Boom(EMT):\n"
        "    def calculate(self, *args, **kwargs):\n"
        "        raise RuntimeError('boom')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    status, _, err = run_cli("run", "-b", "boom:Boom", "Cu", "--reference", "none")
    assert status == 2
    assert "boom" in err.splitlines()[-1]


@pytest.mark.parametrize("name", ["report.html", "results.json"])
def test_files_of_others_are_not_overwritten(run_cli, tmp_path, name):
    (tmp_path / name).write_text('{"a": 1}')
    status, _, err = run_cli("run", "--out", tmp_path)
    assert status == 2
    assert "give another folder" in err
    assert (tmp_path / name).read_text() == '{"a": 1}'


def test_a_structure_that_cannot_be_is_the_file_s_fault(tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.positions[1] = np.nan
    path = tmp_path / "nan.xyz"
    write(path, atoms)
    with pytest.raises(InputError, match="NaN"):
        find_system(EMT(), [str(path)])
