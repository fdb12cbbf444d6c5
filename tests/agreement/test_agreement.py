"""Agreement of models: exact copies, planted differences by name, and what warns of errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from checking import check_up
from real_models import tolerated
from same import there_and_back

from mlipcheck.checks.agreement.check import ATOMS, QUICK_STRUCTURES, STRUCTURES, Agreement
from mlipcheck.checks.agreement.compare import Predicted, Predictions, compare_models, rank
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.comparison import compare_runs
from mlipcheck.drawing.tables import Paragraph, TableBlock
from mlipcheck.references.doubts import Doubt
from mlipcheck.report.folder import write_report
from mlipcheck.results_file import dump_runs, load_runs
from mlipcheck.storage import to_plain
from mlipcheck.system import Settings

ONLY = Settings(only=("agreement",))
CHECK = Agreement()


class Off(EMT):
    """EMT that is wrong on one element: by ``energy`` (eV) a neighbour, ``force`` (eV/Å) along x.

    ``zeros`` are constants of elements, which no force knows.
    """

    def __init__(self, element="Al", force=0.0, energy=0.0, zeros=()):
        super().__init__()
        self.off = (element, force, energy, dict(zeros))

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        element, force, energy, zeros = self.off
        there = np.array(self.atoms.symbols) == element
        self.results["forces"] = self.results["forces"] + there[:, None] * [force, 0.0, 0.0]
        shift = sum(zeros.get(x, 0.0) for x in self.atoms.symbols)
        shift += energy * np.sin(100 * self.atoms.positions[there]).sum()
        for name in ("energy", "free_energy"):
            self.results[name] += shift


def alloys(n, elements=("Al", "Cu", "Ni"), labelled=False):
    frames = []
    for k in range(n):
        rng = np.random.default_rng(k)
        atoms = bulk("Cu", a=3.8, cubic=True) * (2, 1, 1)
        atoms.symbols = rng.choice(elements, len(atoms))
        atoms.positions += rng.normal(scale=0.05 + 0.01 * k, size=(len(atoms), 3))
        if labelled:
            atoms.calc = EMT()
            found = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
            atoms.calc = SinglePointCalculator(atoms, **found)
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A file with twelve alloys that have no labels."""
    path = tmp_path_factory.mktemp("agreement") / "own.xyz"
    write(path, alloys(12))
    return str(path)


def compare(calculators, what, settings=ONLY):
    return compare_runs([check_up(c, [what], settings) for c in calculators])


def statuses(comparison, quantity="forces beside other models"):
    return [f.status for r in comparison.runs for f in r.findings if f.quantity == quantity]


def planted(forces, errors=None, name="set", **more):
    """Return a row of one atom a structure, with forces and errors along x."""
    errors = np.full(len(forces), np.nan) if errors is None else errors
    found = [
        Predicted(f"{name}[{k}]", f"{k}", "Cu", np.array([[f, 0, 0]]), 0.0, abs(e), f"run {k}")
        for k, (f, e) in enumerate(zip(forces, errors, strict=True))
    ]
    return Predictions(name, len(found), tuple(found), **more)


@pytest.mark.slow
def test_two_copies_agree_exactly_and_warn_of_nothing(own, tmp_path):
    write(tmp_path / "labelled.xyz", alloys(12, labelled=True))
    wrong = [Off("Al", force=0.2), Off("Al", force=0.2)]
    for models, what in (([EMT(), EMT()], own), (wrong, str(tmp_path / "labelled.xyz"))):
        found = compare(models, what, Settings(only=("agreement",), independent=True))
        for run in found.runs:
            ((d,),) = (row.others for row in run.rows("agreement"))
            assert (d.force, d.energy, d.energies, d.rank, d.warns) == (0, 0, 12, None, False)
            assert not any(d.elements.values())
            assert {f.status for f in run.findings} == {"ok"}
        assert CHECK.figures(found.models) == []
    said = " ".join(b.text for b in CHECK.tables(found.models) if isinstance(b, Paragraph))
    assert "they differ nowhere" in said


def test_numbers_are_those_of_plain_calculators(own):
    zeros = {"Al": 3.0, "Cu": -20.0}
    models = [EMT(), Off("Ni", force=0.3, energy=0.05, zeros=zeros)]
    found = compare(models, own)
    (row,) = found.runs[0].rows("agreement")
    (d,) = row.others
    frames = read(own, ":")
    energies, forces = [], []
    for calculator in models:
        for atoms in frames:
            atoms.calc = calculator
        energies.append([a.get_potential_energy() / len(a) for a in frames])
        forces.append([a.get_forces() for a in frames])
    off = [np.linalg.norm(a - b, axis=1) for a, b in zip(*forces, strict=True)]
    assert d.forces == pytest.approx([x.mean() for x in off], abs=2e-5)
    ni = np.concatenate([x[a.symbols == "Ni"] for x, a in zip(off, frames, strict=True)])
    assert next(iter(d.elements)) == "Ni"
    assert d.elements["Ni"] == pytest.approx(ni.mean(), abs=2e-5)
    # constants of the other structures, again for each
    design = np.array([[np.mean(a.symbols == x) for x in ("Al", "Cu", "Ni")] for a in frames])
    difference = np.subtract(*energies)
    left = []
    for k in range(len(frames)):
        others = np.arange(len(frames)) != k
        constants = np.linalg.lstsq(design[others], difference[others], rcond=None)[0]
        left.append(abs(difference[k] - design[k] @ constants))
    assert d.energies == len(frames)
    assert d.energy == pytest.approx(np.median(left), rel=1e-6)
    assert d.energy > 1e-3


def test_a_planted_error_is_named_with_its_element_and_the_two_models(own):
    found = compare([EMT(), Off("Al", force=2.0)], own)
    assert statuses(found) == ["caution", "caution"]
    for run, other in zip(found.runs, reversed(found.models), strict=True):
        finding = run.findings[0]
        assert finding.subjects == ("structures",)
        assert f"from {other.label}" in finding.value
        assert "most on Al (2" in finding.value
        answers = {a.use: a.answer for a in run.uses}
        assert answers.pop("energies") != "with care"
        assert set(answers.values()) == {"with care"}
    table = next(b for b in CHECK.tables(found.models) if isinstance(b, TableBlock))
    assert "A, B" in table.rows[0]
    assert "Al 2" in table.rows[0]
    assert statuses(found, "energies beside other models") == ["ok", "ok"]


def test_constants_are_no_difference_and_other_energies_are(own):
    found = compare([EMT(), Off(zeros={"Al": 9.0, "Ni": -4.0})], own)
    assert statuses(found, "energies beside other models") == ["ok", "ok"]
    found = compare([EMT(), Off("Al", energy=1.0)], own)
    assert statuses(found, "energies beside other models") == ["caution", "caution"]
    assert statuses(found) == ["ok", "ok"]


def test_of_three_models_the_odd_one_is_suspect(own):
    found = compare([EMT(), Off("Al", force=2.0), Off("Al", force=0.01)], own)
    assert statuses(found) == ["ok", "caution", "ok"]
    assert len(next(b for b in CHECK.tables(found.models) if isinstance(b, TableBlock)).rows) == 3


@pytest.fixture
def labelled():
    """Return (model with errors e, another that differs from it by d) for 40 structures."""
    rng = np.random.default_rng(4)

    def make(correlated):
        d, e = 10 ** rng.uniform(-1, 1, (2, 40))
        if correlated:
            e = d * 10 ** rng.normal(scale=0.2, size=40)
        F = rng.normal(size=40)
        return planted(F + e, e), planted(F + e + d)

    return make


def words(one, other):
    """Return what is said of two rows, and the statuses of the first."""
    run = check_up(EMT(), ["Cu"], Settings(only=("dimers",), quick=True, reference=("none",)))
    rows = (one, other)
    runs = [dataclasses.replace(run, checks={"agreement": (row,)}) for row in rows]
    found = compare_runs(runs)
    text = [b.text for b in CHECK.tables(found.models) if isinstance(b, Paragraph)]
    return text[0], statuses(found)[0]


def test_disagreement_that_goes_with_errors_warns(labelled):
    text, status = words(*labelled(correlated=True))
    assert "warns of A's errors" in text
    assert status == "caution"


def test_disagreement_that_knows_nothing_of_errors_warns_of_nothing(labelled):
    text, status = words(*labelled(correlated=False))
    assert "A is not more wrong" in text
    assert "warns of nothing here" in text
    assert status == "not assessed"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"n": 9}, "9, 10 needed"),
        ({"one_run": True}, "1, 10 needed"),
        ({"bare": True}, "no reference forces"),
        ({"doubt": Doubt("unit", "forces in eV/bohr")}, "forces in eV/bohr"),
        ({"doubt": Doubt("own labels", "own")}, "output of one of them"),
    ],
)
def test_what_cannot_show_that_is_said(labelled, change, why):
    one, other = labelled(correlated=True)
    found = one.structures[: change.get("n")]
    if change.get("one_run"):
        found = tuple(dataclasses.replace(s, run="one") for s in found)
    if change.get("bare"):
        found = tuple(dataclasses.replace(s, off=np.nan) for s in found)
    doubts = (change["doubt"],) if "doubt" in change else ()
    for rows in (
        (dataclasses.replace(one, structures=found, doubts=doubts), other),
        (dataclasses.replace(one, structures=found), dataclasses.replace(other, doubts=doubts)),
    ):
        d = compare_models(rows[0], [rows[1]], "other")
        assert d is not None
        assert why in d.why_not
        assert d.rank is None


def test_a_doubt_that_does_not_void_is_said_beside(labelled):
    one, other = labelled(correlated=True)
    doubt = Doubt("level of theory", "the labels are HSE06")
    text, _ = words(dataclasses.replace(one, doubts=(doubt,)), other)
    assert "but the labels are HSE06" in text


@pytest.mark.slow
def test_labels_of_one_of_the_models_rank_nothing(tmp_path):
    path = tmp_path / "emt.xyz"
    write(path, alloys(12, labelled=True))
    found = compare(
        [EMT(), Off("Al", force=1.0)],
        str(path),
        Settings(only=("agreement",), independent=True),
    )
    assert all(d.why_not for r in found.runs for row in r.rows("agreement") for d in row.others)


def test_by_labels_only_the_model_that_is_wrong_is_suspect(tmp_path):
    frames = alloys(12, labelled=True)
    for k, atoms in enumerate(frames):  # labels that no model here made
        atoms.calc.results["forces"] += np.random.default_rng(k).normal(scale=0.02, size=(8, 3))
    write(tmp_path / "frames.xyz", frames)
    settings = Settings(only=("agreement",), independent=True)
    found = compare([EMT(), Off("Al", force=3.0)], str(tmp_path / "frames.xyz"), settings)
    right, wrong = (r.findings for r in found.runs)
    (finding,) = (f for f in right if f.quantity == "forces beside other models")
    assert finding.status == "not assessed"
    assert "the other is wrong" in finding.value
    assert "with care" not in {a.answer for a in found.runs[0].uses}
    assert wrong[0].status == "caution"


def test_the_interval_of_a_rank_covers():
    """Of 400 draws of a known correlation 93 to 98 % have it inside."""
    rho, n = 0.6, 30
    rng = np.random.default_rng(1)
    true = 6 / np.pi * np.arcsin(rho / 2)  # of a bivariate normal
    inside = 0
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n).T
        found = rank(x, y, n)
        inside += found.low < true < found.high
    assert 0.93 < inside / 400 < 0.98
    assert rank(np.ones(5), np.arange(5.0), 5) is None


def test_one_model_alone_has_no_finding_and_one_line(own):
    run = check_up(EMT(), [own], ONLY)
    assert run.findings == ()
    assert run.not_run == {}
    (line,) = CHECK.tables(compare_runs([run]).models)
    assert line.text.startswith("Structures kept to compare models")


@pytest.mark.slow
def test_reports_are_enough_and_nothing_is_computed_again(own, tmp_path, monkeypatch):
    paths = []
    for k, calculator in enumerate((EMT(), Off("Al", force=2.0))):
        paths.append(tmp_path / str(k))
        write_report(paths[-1], [check_up(calculator, [own], ONLY)])
    direct = compare([EMT(), Off("Al", force=2.0)], own)
    monkeypatch.setattr(EMT, "calculate", lambda *args: pytest.fail("computed again"))
    read_again = compare_runs([load_runs(path)[0] for path in paths])
    for a, b in zip(read_again.runs, direct.runs, strict=True):
        assert to_plain(a.rows("agreement")) == to_plain(b.rows("agreement"))
        assert a.findings == b.findings
    # both together, and again from there
    write_report(tmp_path / "both", read_again.runs)
    again = compare_runs(load_runs(tmp_path / "both"))
    assert [run.findings for run in again.runs] == [run.findings for run in direct.runs]


def test_models_that_saw_other_structures_stand_side_by_side(own, tmp_path):
    write(tmp_path / "others.xyz", alloys(3, ("Pd", "Pt")))
    one = check_up(EMT(), [own], ONLY)
    other = check_up(Off(), [str(tmp_path / "others.xyz")], ONLY)
    found = compare_runs([one, other])
    assert [r.others for run in found.runs for r in run.rows("agreement")] == [(), ()]
    # and one that is older than this check
    compare_runs([one, dataclasses.replace(other, checks={})])


def test_what_fails_or_has_no_forces_is_left_out(own):
    class Energies(EMT):
        implemented_properties = ("energy",)

    class Half(EMT):
        def calculate(self, atoms=None, *args, **kwargs):
            if atoms.positions[0, 0] > 0:
                raise RuntimeError("out of order")
            super().calculate(atoms, *args, **kwargs)

    class Broken(Calculator):
        implemented_properties = ("energy", "forces")

        def calculate(self, *args, **kwargs):
            raise RuntimeError("out of order")

    found = compare([EMT(), Energies(), Half(), Broken()], own)
    first = found.runs[0].rows("agreement")[0]
    energies, half = first.others
    assert (energies.force, energies.energy) == (None, 0)
    good = [s for s in found.runs[2].rows("agreement")[0].structures if not s.error]
    assert 0 < len(good) == len(half.names) < 12
    (broken,) = found.runs[3].rows("agreement")
    assert "out of order" in broken.error
    assert CHECK.tables(found.models)
    assert "fail" in {b.status for b in CHECK.tables(found.models) if isinstance(b, Paragraph)}
    row = found.runs[1].rows("agreement")[0]
    assert to_plain(there_and_back(row)) == to_plain(row)


@pytest.mark.slow
def test_work_and_results_are_bounded(tmp_path):
    path = tmp_path / "many.xyz"
    write(path, alloys(80))
    (job,) = plan_checkup(EMT(), [str(path)], ONLY).jobs
    assert job.tasks[0].steps == STRUCTURES
    (job,) = plan_checkup(EMT(), [str(path)], dataclasses.replace(ONLY, quick=True)).jobs
    assert job.tasks[0].steps == QUICK_STRUCTURES
    large = Atoms("Cu", [[0, 0, 0]], cell=[3.0] * 3, pbc=True) * (5, 5, 4)
    write(path, [large.copy() for _ in range(40)])
    plan = plan_checkup(EMT(), [str(path)], ONLY)
    assert sum(t.steps for job in plan.jobs for t in job.tasks) * len(large) <= ATOMS
    run = check_up(EMT(), [str(path)], ONLY)
    assert len(dump_runs([run])) < 200_000


@pytest.mark.slow
def test_chgnet_and_sevennet_beside_plain_calculators(chgnet, sevennet, data_dir, tmp_path):
    """30 MPtrj frames by the name of the data set, 30 of random-TP as a user's own file."""
    with tolerated():
        from chgnet.model.dynamics import CHGNetCalculator
        from sevenn.calculator import SevenNetCalculator

        plain = [CHGNetCalculator(use_device="cpu"), SevenNetCalculator("7net-0", device="cpu")]
    own = tmp_path / "own.xyz"
    write(own, read(data_dir / "random-TP.xyz", ":30"))
    settings = dataclasses.replace(ONLY, sample=30, independent=True)
    forces = {}
    for what in ("mptrj-random-1k", str(own)):
        found = compare([chgnet, sevennet], what, settings)
        plan = plan_checkup(chgnet, [what], settings)
        frames = plan.jobs[0].tasks[0].subject[0].frames
        assert len(frames) == 30
        off = []
        for f in frames:
            both = []
            for calculator in plain:
                atoms = f.atoms.copy()
                atoms.calc = calculator
                with tolerated():
                    both.append(atoms.get_forces())
            off.append(np.linalg.norm(both[0] - both[1], axis=1).mean())
            forces[f.name] = [np.linalg.norm(x - f.forces, axis=1).mean() for x in both]
        for k, run in enumerate(found.runs):
            (d,) = run.rows("agreement")[0].others
            assert d.forces == pytest.approx(off, abs=1e-3, rel=1e-4)
            assert d.errors == pytest.approx([forces[x][k] for x in d.names], abs=1e-3, rel=1e-4)
            assert d.warns
        (panel,) = CHECK.figures(found.models)
        assert "Spearman" in panel.alt
        limits = {"mptrj-random-1k": "ok", str(own): "caution"}
        assert statuses(found) == [limits[what]] * 2
