"""The course notebook executed in a kernel: figures, numbers, models, and a bare Colab."""

from __future__ import annotations

import platform
import re
from inspect import getsource

import pytest
from ase.build import bulk
from ase.units import GPa
from course import (
    CELLS,
    CODE,
    REAL,
    RULE,
    TEXTS,
    add_colab,
    errors_at,
    execute,
    printed,
    read_tuple,
)

import mlipcheck
from mlipcheck import evaluate, get_calculator, parity, run_checks, toy_learning_curve
from mlipcheck.calculators.backends import get_backend

FIGURES = ("draw-scales", "draw-scan", "draw-learning", "tuned", "draw-soften")
SCRATCH = "0.351  0.289  0.232  0.196  0.155  0.132"
FINE_TUNED = "0.162  0.127  0.104  0.076  0.063  0.045"

# a site's own start, which hides the package
HIDE = """
import sys
from importlib.machinery import PathFinder


class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "mlipcheck" else super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""


pytestmark = pytest.mark.model  # more of its cells run where one is installed


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    return execute(tmp_path_factory.mktemp("notebook"))


@pytest.mark.slow
def test_on_colab_without_the_package_it_ends_in_one_message(tmp_path):
    add_colab(tmp_path / "site")
    (tmp_path / "site" / "sitecustomize.py").write_text(HIDE)
    cells = execute(tmp_path, PYTHONPATH=str(tmp_path / "site"), PIP_NO_INDEX="1")
    said = {name: cells[name]["outputs"] for name in CODE if cells[name]["outputs"]}
    assert list(said) == ["colab", "ready"]
    assert printed(cells, "colab") == f"Python {platform.python_version()}\n"
    assert "請把 SOURCE 設成它的位置" in printed(cells, "ready")
    assert "set SOURCE (now './mlipcheck') and run from the top again" in printed(cells, "ready")


@pytest.mark.slow
def test_figures_are_drawn_inline(executed):
    drawn = {
        name: sum("image/png" in output.get("data", {}) for output in cell["outputs"])
        for name, cell in executed.items()
        if name in CODE
    }
    softened = bool(printed(executed, "soften"))
    expected = FIGURES if softened else FIGURES[:-1]
    assert drawn == {name: int(name in expected) for name in CODE}
    # each is told in words beneath, for who does not see it
    order = list(CELLS)
    for name in FIGURES:
        chinese, english = TEXTS[order[order.index(name) + 1]].split(RULE)
        assert "圖" in chinese[:3]
        assert english.startswith("Figure")
        complaints = [o for o in executed[name]["outputs"] if o.get("name") == "stderr"]
        assert complaints == []


@pytest.mark.slow
def test_the_toy_takes_less_than_a_minute(executed):
    """On a machine that has nothing else to do."""
    of_toy = [n for n in CODE if not n.startswith((*REAL, "load", "soften"))]
    assert 0 < sum(executed[name]["metadata"]["seconds"] for name in of_toy) < 60


@pytest.mark.slow
def test_the_sixteen_numbers(executed):
    rows = [line.split() for line in printed(executed, "points").splitlines()[1:]]
    points = read_tuple("points", "points")
    assert [float(row[0]) for row in rows] == list(points)
    assert [row[3] for row in rows] == ["+0.000", "-0.138", "-0.634"]
    for column, spec in ((3, "toy"), (5, "toy:wide")):
        errors = errors_at(points, get_calculator(spec), get_calculator("toy:exact"))
        assert [float(row[column]) for row in rows] == pytest.approx(errors, abs=6e-4)
    title, sizes, scratch, tuned = printed(executed, "learn").splitlines()
    assert title == "toy, fixed ridges: RMSE in eV, zero-shot 0.171"
    assert sizes.split() == ["N", "3", "5", "10", "20", "40", "80"]
    assert scratch == f"from scratch  {SCRATCH}"
    assert tuned == f"fine-tuned    {FINE_TUNED}"


@pytest.mark.slow
def test_printed_tuned_learning_is_measured(executed):
    curve = toy_learning_curve(tuned=True)
    _, _, *rows = printed(executed, "tuned").splitlines()
    for row, method in zip(rows, ("from scratch", "fine-tuned"), strict=True):
        means = [point.mean for point in curve.points_of(method)]
        found = [float(x) for x in row.removeprefix(method).split()]
        assert found == pytest.approx(means, abs=6e-4)


@pytest.mark.slow
def test_the_fit_is_shown(executed):
    shown = printed(executed, "source-code")
    for part in ("np.linspace(0.7, 2.6, 24), 0.12", "ridge=1e-6", "np.exp(-(", "np.sqrt(ridge)"):
        assert part in shown
    assert len(getsource(mlipcheck.fit_toy).splitlines()) <= 10


@pytest.mark.slow
def test_printed_scales_are_measured(executed):
    said = printed(executed, "cancel")
    for name in ("morse-near", "morse-far"):
        p = parity(get_calculator("toy"), name, energy_resolution=0.1)
        found = re.search(rf"^{name}: MAE (\S+) eV/atom, .* σ (\S+) eV$", said, re.MULTILINE)
        measured = p.energy.mae.value, p.ranking.sigma.value
        assert [*map(float, found.groups())] == pytest.approx(measured, rel=0.05)
        # what the text says of them
        assert (p.ranking.sigma.value > 0.1) == (name == "morse-far")
    a, b, c = (float(x) for x in re.findall(r"[ABC] ([+-]\d\.\d+),? ?", said.splitlines()[0]))
    like, unlike = (float(x) for x in re.findall(r"A ([+-]\S+) eV", said.splitlines()[1]))
    assert min(abs(a), abs(b)) > 10 * 0.1
    assert abs(like) < 0.001
    assert abs(unlike) > 0.2
    assert unlike == pytest.approx(c - a, abs=0.02)


@pytest.mark.slow
def test_printed_exercise_is_measured(executed):
    lines = printed(executed, "my-run").splitlines()
    report = run_checks("toy")
    for row, line in zip(report.rows("relaxation"), lines, strict=True):
        (bond,) = row.bond_changes
        lengths = f"{bond.mean_length:.3f} {bond.mean_change:+.3f} Å (mean of {bond.count})"
        assert line == f"{row.name}: N-N {lengths}"
    shown = [o["data"] for o in executed["my-run"]["outputs"] if "data" in o]
    assert len(shown) == 1
    for answer in report.verdict.values():
        assert answer in "".join(shown[0]["text/html"])


@pytest.mark.slow
def test_what_is_not_there_is_skipped_with_what_to_type(executed):
    said = printed(executed, "load")
    for name in REAL:
        backend = get_backend(name)
        there = backend.installed and backend.checkpoints[0].found
        cells = [n for n in CODE if n.startswith(f"{name}-")]
        assert [bool(printed(executed, n)) for n in cells] == [there] * len(cells), name
        if not backend.installed:
            assert f"略過 · skipped: {name} needs" in said
            assert f'python -m pip install "mlipcheck[{name}]"' in said


@pytest.mark.slow
def test_chgnet_describes_mgo(executed, chgnet):
    mgo = bulk("MgO", "rocksalt", a=4.25)
    mgo.positions[1, 0] += 0.05
    (e,) = evaluate(chgnet, [mgo], properties=("energy", "forces", "stress", "magmoms"))
    said = printed(executed, "chgnet-mgo")
    number = r"-?\d+\.?\d*"

    def read(pattern):
        found = re.search(pattern, said, re.DOTALL)
        return [float(x) for x in re.findall(number, found[1])]

    assert read(r"MgO: energy (\S+) eV/atom") == pytest.approx([e.energy / 2], abs=2e-4)
    forces = read(r"\(eV/Å\)\n(.*?)stress")
    assert forces == pytest.approx(e.forces.ravel(), abs=2e-3)
    assert abs(forces[0]) > 0.1
    assert read(r"\(GPa\)\n\[(.*?)\]") == pytest.approx(e.stress / GPa, abs=2e-2)
    assert read(r"\(μ_B\) \[(.*?)\]") == pytest.approx(e.magmoms, abs=2e-3)


@pytest.mark.slow
def test_chgnet_is_right_at_the_bottom_and_soft_on_the_way_out(executed, chgnet, data_dir):
    lines = re.findall(r"^(.*?) +(\d\.\d+) of PBE$", printed(executed, "soften"), re.MULTILINE)
    found = {name: float(ratio) for name, ratio in lines}
    moduli = [ratio for name, ratio in found.items() if name.endswith("bulk modulus")]
    assert moduli == pytest.approx([1, 1, 1], abs=0.1)
    # the numbers of the data's README
    assert found["W surface energy"] == pytest.approx(0.777, abs=0.02)
    assert found["Cu vacancy"] == pytest.approx(0.74 / 1.07, abs=0.03)
    assert found["Cu hop"] == pytest.approx(0.57 / 0.72, abs=0.03)
    assert found["Pd hop"] == pytest.approx(0.50 / 0.95, abs=0.03)
