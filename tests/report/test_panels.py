"""The figures of a report: what they show, what they say, and what becomes of them as files."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from checking import check_up
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text
from parity_records import make_energy, make_forces, make_parity, make_ranking
from report_runs import with_rows

from mlipcheck import get_calculator, relax_against_reference, scan_dimers
from mlipcheck.analysis.statistics import Estimate
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.checks import list_checks
from mlipcheck.checks.contacts import Contact
from mlipcheck.checks.dimers.record import Attraction, CurveComparison, DimerScan, Extremum
from mlipcheck.checks.learning.record import LearningCurve, LearningPoint
from mlipcheck.checks.learning.toy import toy_learning_curve
from mlipcheck.checks.parity.compare import parity
from mlipcheck.checks.parity.record import Parity
from mlipcheck.checks.relaxation.record import BondChange, BondTable, Relaxation
from mlipcheck.comparison import compare_runs
from mlipcheck.drawing.colours import LOOKS, model_colours
from mlipcheck.drawing.panel import (
    SIZE,
    WIDTH,
    new_axes,
    plain,
    printable,
    signed,
    slug,
    svg,
    write_panels,
)
from mlipcheck.record import RunRecord
from mlipcheck.references.inputs import morse_frames
from mlipcheck.report.folder import draw_panels, write_report
from mlipcheck.storage import from_plain, to_plain

HOSTILE = "a$b_$c^{\n<svg onload=x>%s \\frac 中文\x00\x1b[31m"


def info(backend, checkpoint=None, **facts):
    return CalculatorInfo(f"{backend}:{checkpoint}", backend, checkpoint=checkpoint, **facts)


def make_run(calculator=None, **checks):
    calculator = calculator or info("chgnet")
    checks = {name: tuple(rows) for name, rows in checks.items()}
    return RunRecord("mlipcheck run", calculator, {}, {"energy_resolution": 0.1}, checks)


def draw(*runs):
    """Draw one model, or several together."""
    return draw_panels(compare_runs(runs))


def of_all(panels):
    return [p for p in panels if not p.letters]


def there_and_back(run):
    """Return a record as it is read from JSON."""
    types = {check.name: check.row for check in list_checks()}
    plain = from_plain(RunRecord, to_plain(run))
    rows = {n: [from_plain(types[n], r) for r in found] for n, found in plain.checks.items()}
    return with_rows(plain, **rows)


def make_scan(pair=("Cu", "O"), r_e=1.7, **changes):
    r = np.linspace(0.5, 6.0, 111)
    decay = np.exp(-1.7 * (r - r_e))
    energies, forces = 2 * (decay**2 - 2 * decay), 6.8 * (decay**2 - decay)
    facts = {"equilibrium_distance": r_e, **changes}
    return DimerScan(pair, r, energies, forces, **facts)


def make_relaxation(name="Cu", change=1.25, **changes):
    facts = {
        "formula": "Cu",
        "n_atoms": 4,
        "converged": True,
        "cell": "free",
        "reference_volume": 48.0,
        "volume": 48.0 * (1 + (change or 0) / 100),
        "volume_change_percent": change,
        "bonds": BondTable(
            np.array([[0, 1], [0, 2]]),
            np.zeros((2, 3)),
            np.array([2.0, 2.5]),
            np.array([2.02, 2.45]),
        ),
        "bond_changes": (BondChange(("Cu", "Cu"), 2, 2.2, -0.01, -0.05, -2.0),),
    }
    return Relaxation(name, **{**facts, **changes})


def find(panels, name):
    (panel,) = [p for p in panels if p.name == name]
    return panel


def line_of(panel, label):
    return next(
        x for axis in panel.figure.axes for x in axis.lines if x.get_label().startswith(label)
    )


@pytest.fixture(scope="module")
def toy():
    calculator = get_calculator("toy")
    return RunRecord(
        "mlipcheck run",
        calculator.mlipcheck_info,
        {},
        {"energy_resolution": 0.1},
        checks={
            "dimers": tuple(scan_dimers(calculator, ["N"], reference="auto")),
            "relaxation": tuple(relax_against_reference(calculator, ["morse-clusters"])),
            "parity": tuple(
                parity(calculator, morse_frames(name), energy_resolution=0.1)
                for name in ("morse-near", "morse-far")
            ),
            "learning": (toy_learning_curve(tuned=True, target=0.05),),
        },
    )


@pytest.fixture(scope="module")
def full():
    """Every kind of panel, and everything that is marked in one."""
    reference = make_scan()
    curve = CurveComparison(
        "PBE diatomics",
        "PBE",
        reference.distances,
        reference.energies,
        reference.forces,
        reference_equilibrium_distance=1.7,
        reference_well_depth=2.0,
        equilibrium_distance_error=0.01,
    )
    hole = Attraction(0.8, 30.0, -20.0)
    scan = make_scan(
        attraction=hole,
        collapse=hole,
        spurious_extrema=(Extremum("maximum", 3.0, 0.02),),
        failed_points=((0.6, "NaN"),),
        comparison=curve,
    )
    return make_run(
        dimers=(scan, make_scan(("Cu", "Cu"), 2.2)),
        contacts=(Contact(("O", "Cu"), 1.93, "a"),),
        relaxation=(make_relaxation(), make_relaxation("CuO", -3.5, converged=False)),
        parity=(make_parity("my set"),),
        learning=(
            LearningCurve(
                "cells",
                "MAE of the energy",
                "meV/atom",
                ("fine-tuned", "one factor", "from scratch"),
                tuple(
                    LearningPoint(m, n, (k / n, 1.1 * k / n))
                    for k, m in enumerate(("fine-tuned", "one factor", "from scratch"), 1)
                    for n in (2, 4, 8)
                ),
                0.4,
                9,
                {},
                0.2,
                (),
                "Fine-tuned needs half.",
            ),
        ),
    )


@pytest.fixture(scope="module")
def panels(toy, full):
    """Figures of every kind, of one model and of two."""
    return [
        *draw(toy),
        *draw(full),
        *draw(full, dataclasses.replace(full, calculator=info("mace"))),
    ]


# ---- colours -----------------------------------------------------------------------------------


def colours_of(figure):
    """Every colour that something is drawn in, without greys."""
    found = set()
    for artist in figure.findobj(include_self=False):
        for name in ("get_color", "get_facecolor", "get_edgecolor", "get_markerfacecolor"):
            if not hasattr(artist, name) or not artist.get_visible():
                continue
            value = getattr(artist, name)()
            for c in value if isinstance(value, np.ndarray) and value.ndim == 2 else [value]:
                if isinstance(c, str) and c in ("none", "auto"):
                    continue
                shade = to_hex(c)
                if len({shade[1:3], shade[3:5], shade[5:7]}) > 1:
                    found.add(shade.upper())
    return found


@pytest.mark.slow
def test_a_run_has_one_colour_and_it_is_the_model_s(full):
    for backend in ("chgnet", "mace"):
        panels = draw(dataclasses.replace(full, calculator=info(backend)))
        assert [p.name for p in panels] == [
            "dimer-Cu-O",
            "dimer-Cu-Cu",
            "volumes",
            "bonds",
            "forces-my-set",
            "energies-my-set",
            "ranking-my-set",
            "scales",
            "learning-1",
        ]
        for panel in panels:
            assert colours_of(panel.figure) == {LOOKS[backend][0]}, panel.name
            assert panel.letters == ""


@pytest.mark.slow
def test_in_a_comparison_every_model_has_its_own(full):
    models = [info("sevennet"), info("chgnet", "0.3.0"), info("chgnet", "0.2.0")]
    panels = draw(*(dataclasses.replace(full, calculator=m) for m in models))
    colours = model_colours(models)
    assert colours[:2] == ("#D55E00", "#0072B2")
    together = of_all(panels)
    assert [p.name for p in together] == [
        "dimer-Cu-O",
        "dimer-Cu-Cu",
        "volumes",
        "bonds",
        "forces",
        "energies",
        "ranking",
    ]
    for panel in together:
        assert colours_of(panel.figure) == set(colours), panel.name
    own = {letter: [p for p in panels if p.letters == letter] for letter in "ABC"}
    assert len(panels) == len(together) + sum(map(len, own.values()))
    for (letter, found), colour in zip(own.items(), colours, strict=True):
        names = ("forces-my-set", "energies-my-set", "ranking-my-set", "scales", "learning-1")
        assert [p.name for p in found] == [f"{letter.lower()}-{name}" for name in names]
        assert {c for p in found for c in colours_of(p.figure)} == {colour}


# ---- what is drawn -----------------------------------------------------------------------------


@pytest.mark.slow
def test_what_a_pair_shows(full):
    panel = find(draw(full), "dimer-Cu-O")
    upper, lower = panel.figure.axes
    scan = full.rows("dimers")[0]
    x, energies = line_of(panel, "chgnet").get_data()
    assert x == pytest.approx(scan.distances)
    assert energies == pytest.approx(scan.energies + 2, abs=0.01)  # from the bottom of the well
    for axis in (upper, lower):
        (band,) = [p for p in axis.patches if isinstance(p, (Rectangle, Polygon))]
        assert band.get_hatch()
        assert band.get_extents().transformed(axis.transData.inverted()).x1 == pytest.approx(0.8)
        assert [1.93, 1.93] in [list(line.get_xdata()) for line in axis.lines]
    assert line_of(panel, "shortest in your frames").get_linestyle() == "-"
    assert line_of(panel, "PBE diatomics").get_linestyle() == "--"
    extremum = line_of(panel, "spurious extremum")
    assert (extremum.get_marker(), extremum.get_markerfacecolor()) == ("v", "none")
    assert extremum.get_ydata()[0] < upper.get_ylim()[1]
    assert line_of(panel, "failed").get_marker() == "x"
    low, high = upper.get_xlim()
    assert low <= 0.5 < 3.7 <= high


@pytest.mark.slow
def test_a_spurious_maximum_above_the_barrier_is_in_sight(toy):
    upper, _ = find(draw(toy), "dimer-N-N").figure.axes
    marks = [line.get_ydata()[0] for line in upper.lines if line.get_marker() == "v"]
    assert marks
    assert max(marks) < upper.get_ylim()[1]


@pytest.mark.slow
@pytest.mark.parametrize("distance", [0.2, 5.9])
def test_the_shortest_distance_is_in_sight(full, distance):
    near = (Contact(("Cu", "O"), distance, "a"),)
    panel = find(draw(with_rows(full, contacts=near)), "dimer-Cu-O")
    low, high = panel.figure.axes[0].get_xlim()
    assert low < distance < high
    assert f"Shortest distance in your frames: {distance:.2f} Å." in panel.alt


@pytest.mark.slow
@pytest.mark.parametrize("distance", [None, np.nan, 40.0])
def test_a_distance_that_is_none_or_far_away_has_no_line(full, distance):
    far = (Contact(("Cu", "O"), distance, "a"),)
    panel = find(draw(with_rows(full, contacts=far)), "dimer-Cu-O")
    assert panel.figure.axes[0].get_xlim()[1] <= 6.0
    with pytest.raises(StopIteration):
        line_of(panel, "shortest")


@pytest.mark.parametrize("n", [2, 12])
def test_volumes_are_named(full, n):
    rows = [make_relaxation(f"s{k}", 0.5 * k, converged=k != 1) for k in range(n)]
    panel = find(draw(make_run(relaxation=rows)), "volumes")
    (axis,) = panel.figure.axes
    assert [t.get_text() for t in axis.get_yticklabels()] == [f"s{k}" for k in range(n)]
    assert line_of(panel, "chgnet").get_xdata() == pytest.approx([0.5 * k for k in range(n)])
    assert line_of(panel, "not converged").get_xdata() == pytest.approx([0.5])
    assert f"s{n - 1} +{0.5 * (n - 1):.2f} %" in panel.alt
    assert ("and 4 smaller" in panel.alt) == (n == 12)
    assert "Not converged, crossed: s1." in panel.alt


def test_what_is_no_reference_is_called_the_input():
    known = make_relaxation("a", 1.0)
    start = dataclasses.replace(make_relaxation("b", 30.0), start_only=True)
    for rows, origin in (
        ([known], "reference"),
        ([start], "input"),
        ([start, known], "reference or input"),
    ):
        panels = draw(make_run(relaxation=rows))
        panel = find(panels, "volumes")
        assert panel.figure.axes[0].get_xlabel() == f"volume, model − {origin} (%)"
        assert panel.caption.endswith(f"against that of the {origin}.")
        assert f"model minus {origin}." in panel.alt
        assert find(panels, "bonds").figure.axes[0].get_xlabel() == f"{origin} bond length (Å)"


def test_volumes_are_model_minus_reference(full):
    panel = find(draw(full), "volumes")
    assert line_of(panel, "chgnet").get_xdata() == pytest.approx([1.25, -3.5])
    assert line_of(panel, "not converged").get_xdata() == pytest.approx([-3.5])


@pytest.mark.slow
def test_bonds_show_how_much_each_changes(full):
    panel = find(draw(full), "bonds")
    x, y = line_of(panel, "chgnet").get_data()
    assert x == pytest.approx([2.0, 2.5])
    assert y == pytest.approx([1.0, -2.0])


def test_learning_tells_the_model_from_other_methods(full):
    panel = find(draw(full), "learning-1")
    lines = {c.get_label(): c[0] for c in panel.figure.axes[0].containers}
    assert to_hex(lines["fine-tuned"].get_color()).upper() == LOOKS["chgnet"][0]
    looks = {(c.get_linestyle(), c.get_marker()) for c in lines.values()}
    assert len(looks) == 3
    assert line_of(panel, "zero-shot").get_color() == LOOKS["chgnet"][0]


@pytest.mark.slow
def test_compared_dots_are_numbers_of_each_model(full):
    rows = full.rows("relaxation")
    shifted = [make_relaxation(r.name, r.volume_change_percent + 1) for r in rows]
    other = with_rows(dataclasses.replace(full, calculator=info("mace")), relaxation=shifted)
    panels = draw(full, other)
    volumes = find(panels, "volumes")
    assert line_of(volumes, "chgnet").get_xdata() == pytest.approx([1.25, -3.5])
    assert line_of(volumes, "mace").get_xdata() == pytest.approx([2.25, -2.5])
    assert "chgnet:None: CuO −3.50 %, Cu +1.25 %." in volumes.alt
    assert "mace:None: CuO −2.50 %, Cu +2.25 %." in volumes.alt
    assert line_of(find(panels, "energies"), "mace").get_xdata() == pytest.approx([15.0])
    assert line_of(find(panels, "forces"), "mace").get_xdata() == pytest.approx([0.25])
    assert line_of(find(panels, "ranking"), "mace").get_xdata() == pytest.approx([0.25])


@pytest.mark.slow
@pytest.mark.parametrize("backends", [("a",), ("a", "b")])
def test_of_very_many_structures_the_worst_are_shown(backends):
    rows = [make_relaxation(f"s{k:03}", 0.1 * k) for k in range(200)]
    panel = find(draw(*(make_run(info(b), relaxation=rows) for b in backends)), "volumes")
    assert panel.subjects == tuple(f"s{k:03}" for k in range(170, 200))
    assert "The 30 with the largest numbers are shown, of 200." in panel.caption


# ---- what is said ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dimer-Cu-O", ["1.700 Å", "collapse at 0.80 Å, barrier 30", "+0.010 Å", "1.93 Å"]),
        ("dimer-Cu-O", ["maximum at 3.00 Å, 0.020 eV", "1 of 111 points failed, at 0.60 Å"]),
        ("dimer-Cu-Cu", ["2.200 Å", "no collapse down to 0.50 Å"]),
        ("volumes", ["CuO −3.50 %, Cu +1.25 %", "Not converged, crossed: CuO."]),
        ("bonds", ["4 bonds", "Cu −2.00 %", "0 broken"]),
        ("forces-my-set", ["mean error of the forces 0.25 eV/Å"]),
        ("energies-my-set", ["MAE of the energy 15 meV/atom"]),
        ("ranking-my-set", ["σ of ΔE, model − reference 0.25 total eV", "66 % for 0.1 eV"]),
        ("scales", ["MAE of the energy 15 meV/atom", "0.25 total eV"]),
        ("learning-1", ["Zero-shot 0.4 meV/atom", "Fine-tuned needs half."]),
    ],
)
def test_who_cannot_see_it_is_told_the_numbers(full, name, words):
    r_squared = Estimate(1.0)
    forces = make_forces(np.linspace(-2, 2, 60), 0.5 * np.linspace(-2, 2, 60), r_squared=r_squared)
    rows = (make_parity("my set", forces=forces),)
    alt = find(draw(with_rows(full, parity=rows)), name).alt
    for each in words:
        assert each in alt
    assert "chgnet:None" in alt


@pytest.mark.slow
def test_panels_are_evidence_for_findings_that_there_are(panels):
    known = {(c.name, q.quantity) for c in list_checks() for q in c.criteria}
    checks = {c.name for c in list_checks()}
    for panel in panels:
        assert panel.checks
        assert set(panel.checks) <= checks
        assert {(panel.checks[0], q) for q in panel.quantities} <= known
        assert panel.subjects
        assert panel.caption.endswith(".")


@pytest.mark.slow
def test_small_words_are_large_enough_and_none_is_cut_off(panels, full):
    models = [dataclasses.replace(full, calculator=info(b, "x" * 30)) for b in ("chgnet", "mace")]
    long = make_parity(
        "a rather long name of a set, as folders may have it",
        forces=make_forces([1e-4] * 6, [3.33e-4] * 6, slope=False, component_mae=0.000189),
        energy=make_energy([*np.linspace(-0.01, 0.01, 50), 8.0]),
        not_assessed={"slope": "all of the reference's forces are below a thousandth of an eV/Å"},
    )
    many = [make_relaxation(f"structure {k}", k - 20.0) for k in range(40)]
    lengthy = draw(make_run(parity=[long], relaxation=many))
    for panel in (*panels, *of_all(draw(*models)), *lengthy):
        figure = panel.figure
        assert figure.get_size_inches()[0] == WIDTH
        figure.draw_without_rendering()
        for text in figure.findobj(Text):
            assert text.get_fontsize() >= SIZE or not text.get_text(), text
        drawn = figure.get_tightbbox()
        assert -0.01 < drawn.x0 < drawn.x1 < WIDTH + 0.01, panel.name
        assert -0.01 < drawn.y0 < drawn.y1 < figure.get_size_inches()[1] + 0.01, panel.name
        for axis in figure.axes:
            frame = axis.get_window_extent()
            for words in axis.texts:
                box = words.get_window_extent()
                assert frame.x0 < box.x0 < box.x1 < frame.x1, (panel.name, words)
        for legend in figure.legends:
            for axis in figure.axes:
                assert not legend.get_window_extent().overlaps(axis.get_window_extent())


# ---- what fails, and what is strange -----------------------------------------------------------


def test_what_failed_is_left_out():
    nothing = np.full(3, np.nan)
    run = make_run(
        dimers=(
            DimerScan(("H", "H"), np.array([]), np.array([]), np.array([]), error="no"),
            DimerScan(("H", "C"), np.array([]), np.array([]), np.array([])),
            DimerScan(("C", "C"), np.array([1.0, 2, 3]), nothing, nothing),
        ),
        relaxation=(
            Relaxation("unread", error="not a file"),
            make_relaxation("failed", error="no"),
            Relaxation("empty", n_atoms=3, volume_change_percent=np.nan, cell="free"),
            make_relaxation("unbonded", None, volume=None, bonds=None, bond_changes=()),
        ),
        parity=(Parity("broken", error="no"), Parity("bare")),
    )
    assert draw(run) == []
    assert draw(make_run()) == []
    others = dataclasses.replace(run, calculator=info("mace"))
    assert draw(run, others) == []


@pytest.mark.slow
def test_a_model_that_failed_is_absent_beside_one_that_did_not(full):
    scans = [dataclasses.replace(s, error="no", comparison=None) for s in full.rows("dimers")]
    rows = [Relaxation(r.name, error="no", cell=r.cell) for r in full.rows("relaxation")]
    sets = [Parity("my set", error="no")]
    given = full.rows("contacts")
    other = make_run(info("mace"), dimers=scans, contacts=given, relaxation=rows, parity=sets)
    panels = draw(full, other)
    together = of_all(panels)
    assert len(together) == 7
    for panel in together:
        assert colours_of(panel.figure) <= {LOOKS["chgnet"][0], LOOKS["mace"][0]}
    assert "mace" not in find(panels, "dimer-Cu-O").alt
    assert {p.letters for p in panels} == {"", "A"}


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30, 1e300])
def test_numbers_of_any_size(scale, tmp_path):
    scan = make_scan()
    energies, forces = scan.energies * scale, scan.forces * scale
    F = np.linspace(-1, 1, 30) * scale
    run = make_run(
        dimers=(dataclasses.replace(scan, energies=energies, forces=forces),),
        relaxation=(make_relaxation(change=min(scale, 1e8)),),
        parity=(
            make_parity(
                forces=make_forces(F, F, slope=False),
                energy=make_energy([scale, -scale / 3] if scale < 1e200 else [1e30]),
                ranking=make_ranking(min(scale, 1e100)),
            ),
        ),
    )
    assert len(write_panels(tmp_path, draw(run))) == 7


@pytest.mark.slow
def test_one_point_and_no_numbers(tmp_path):
    one = DimerScan(("H", "H"), np.array([1.0]), np.array([-1.0]), np.array([0.0]))
    none = Estimate(np.nan)
    run = make_run(
        dimers=(one,),
        parity=(
            make_parity(
                energy=dataclasses.replace(make_energy([np.nan, 0.1]), mae=none),
                forces=make_forces([], [], slope=False),
                ranking=make_ranking(bins=(), sigma=0.0),
            ),
        ),
    )
    again = there_and_back(run)  # NaN comes back as None
    for k, record in enumerate((run, again)):
        (tmp_path / str(k)).mkdir()
        assert write_panels(tmp_path / str(k), draw(record))


@pytest.mark.slow
@pytest.mark.parametrize("name", [HOSTILE, "$$", "_hidden", "$x$ $", "中文", "\n", "", "a" * 500])
def test_any_name(full, name, tmp_path):
    scan = full.rows("dimers")[0]
    curve = dataclasses.replace(scan.comparison, reference=name)
    learning = dataclasses.replace(
        full.rows("learning")[0], name=name, methods=("fine-tuned", name)
    )
    run = with_rows(
        dataclasses.replace(full, calculator=dataclasses.replace(full.calculator, spec=name)),
        dimers=[dataclasses.replace(scan, comparison=curve)],
        relaxation=[make_relaxation(name), make_relaxation(name + "2", converged=False)],
        parity=[make_parity(name, not_assessed={"energy": name}), make_parity(name)],
        learning=[learning],
    )
    other = dataclasses.replace(run, calculator=dataclasses.replace(run.calculator, backend="b"))
    panels = draw(run)
    names = [p.name for p in panels]
    assert len(set(names)) == len(names) == 11
    both = draw(run, other)
    assert len({p.name.casefold() for p in both}) == len(both) == 22
    for panel in (*panels, *both):
        assert re.fullmatch("[A-Za-z0-9-]+", panel.name)
        assert len(panel.name) < 60
        assert panel.alt.isprintable()
        assert panel.caption.isprintable()
    assert find(panels, names[-1]).subjects == (name,)  # as the findings have it
    write_panels(tmp_path, panels)


def test_a_name_is_drawn_and_not_read():
    _, axis = new_axes(3.0)
    assert printable("5 $ and 6 $") == r"5 \$ and 6 \$"
    assert axis.set_title(printable("$x^2$"))._preprocess_math(r"\$x^2\$") == ("$x^2$", False)
    assert printable("中a") == "?a"
    assert printable("a\n\x00b") == "a b"
    assert printable("_a").lstrip() == "_a"
    assert not printable("_a").startswith("_")
    assert plain("中文 " * 30, 10) == "中文 中文 中文…"
    assert (signed(-0.04, "+.1f"), signed(-2.0, "g"), signed(-1e-9, "g")) == ("0.0", "−2", "−1e−09")


@pytest.mark.slow
def test_names_of_files_are_told_apart():
    run = make_run(parity=[make_parity(n) for n in ("my set", "My_Set", "my-set")])
    names = [p.name for p in draw(run) if p.name.startswith("forces")]
    assert names == ["forces-my-set", "forces-My-Set-2", "forces-my-set-3"]
    assert slug("order", "../../etc/passwd") == "order-etc-passwd"
    assert slug("order", "中") == "order-unnamed"


# ---- files -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_record_gives_the_same_bytes(toy):
    again = there_and_back(toy)
    for one, other in zip(draw(toy), draw(again), strict=True):
        first = svg(one.figure)
        assert first == svg(other.figure), one.name
        assert one.alt == other.alt
        text = first.decode()
        assert text.rstrip().endswith("</svg>")
        assert not re.search(r"dc:date|20\d\d-\d\d-\d\d|Matplotlib|DejaVu Sans", text)
        assert "<text" not in text  # outlines: no font is asked for


@pytest.mark.slow
def test_an_earlier_report_s_figures_go_and_nothing_else_does(full, tmp_path):
    write_report(tmp_path, [full])
    folder = tmp_path / "figures"
    before = {p.name for p in folder.iterdir()}
    assert before == {f"{p.name}.svg" for p in draw(full)}
    foreign = ("notes.svg", "dimer.svg", "volumes.png", "learning-x.svg", "index.html", "a.svg.bak")
    for name in foreign:
        (folder / name).write_text("mine")
    (folder / "dimer-X-X.svg").mkdir()
    fewer = with_rows(full, dimers=full.rows("dimers")[:1], relaxation=())
    write_report(tmp_path, [fewer])
    left = {p.name for p in folder.iterdir()}
    assert left == {f"{p.name}.svg" for p in draw(fewer)} | set(foreign) | {"dimer-X-X.svg"}
    assert not {"dimer-Cu-Cu.svg", "volumes.svg"} & left
    assert all((folder / name).read_text() == "mine" for name in foreign)


@pytest.mark.slow
def test_figures_of_several_commands_may_lie_in_one_folder(full, tmp_path):
    for check in ("dimers", "relaxation"):
        write_panels(tmp_path, draw(make_run(**{check: full.rows(check)})))
    names = ("bonds", "dimer-Cu-Cu", "dimer-Cu-O", "volumes")
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{name}.svg" for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("backends", [("toy",), ("toy:soft", "toy:exact")])
def test_every_question_about_forces_energies_and_order_has_its_figure(backends):
    panels = draw(*(check_up(get_calculator(spec)) for spec in backends))
    answered = {q for p in of_all(panels) if "parity" in p.checks for q in p.quantities}
    (check,) = [c for c in list_checks() if c.name == "parity"]
    asked = {c.quantity for c in check.criteria}
    assert answered <= asked
    # stresses are numbers in a table, and frames are words
    assert asked - answered == {"frames", "pressure", "deviatoric stress"}
