"""The figures of a report: what they show, what they say, and what becomes of them as files."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text
from mlipcheck.analysis.estimate import Estimate
from test_figures_parity import make_energy, make_forces, make_ordering, make_parity

from mlipcheck import (
    check_up,
    get_calculator,
    relax_against_reference,
    scan_dimers,
)
from mlipcheck.calculators.records import CalculatorInfo
from mlipcheck.checks.contacts.record import ClosestApproach
from mlipcheck.checks.dimers.record import CurveComparison, DimerScan, Extremum
from mlipcheck.checks.learning.record import LearningCurve, LearningPoint
from mlipcheck.checks.learning.toy import toy_learning_curve
from mlipcheck.checks.parity.compare import parity
from mlipcheck.checks.parity.figures import draw_parities
from mlipcheck.checks.parity.record import Parity
from mlipcheck.checks.relaxation.figures import draw_dimers, draw_relaxations
from mlipcheck.checks.relaxation.record import BondChange, BondTable, Relaxation
from mlipcheck.comparison import compare_runs
from mlipcheck.criteria import CRITERIA
from mlipcheck.drawing.colours import LOOKS, model_colours
from mlipcheck.drawing.lettering import (
    SIZE,
    plain,
    printable,
    signed,
)
from mlipcheck.drawing.panel import (
    OURS,
    WIDTH,
    new_axes,
    slug,
)
from mlipcheck.record import RunRecord
from mlipcheck.references.morse_frames import morse_frames
from mlipcheck.report.figures_compared import save_comparison
from mlipcheck.report.panels import (
    draw_compared_panels,
    draw_own_panels,
    draw_panels,
    svg,
    write_panels,
)
from mlipcheck.storage import from_plain, to_plain

HOSTILE = "a$b_$c^{\n<svg onload=x>%s \\frac 中文\x00\x1b[31m"


def info(backend, checkpoint=None, **facts):
    return CalculatorInfo(f"{backend}:{checkpoint}", backend, checkpoint=checkpoint, **facts)


def make_run(calculator=None, **parts):
    return RunRecord("mlipcheck run", calculator or info("chgnet"), {}, {"signal": 0.1}, **parts)


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
        {"signal": 0.1},
        dimers=tuple(scan_dimers(calculator, ["N"], reference="auto")),
        relaxations=tuple(relax_against_reference(calculator, ["morse-clusters"])),
        parities=tuple(
            parity(calculator, morse_frames(name), signal=0.1)
            for name in ("morse-near", "morse-far")
        ),
        learning=(toy_learning_curve(tuned=True, target=0.05),),
    )


@pytest.fixture
def full():
    """Every kind of panel, and everything that is marked in one."""
    reference = make_scan()
    curve = CurveComparison(
        "PBE diatomics",
        "PBE",
        reference.distances,
        reference.energies,
        reference.forces,
        reference.energies,
        reference.forces,
        1.7,
        0.01,
        1.0,
        None,
        None,
        None,
    )
    scan = make_scan(
        wall_collapse_distance=0.8,
        wall_collapse_barrier=30.0,
        spurious_extrema=(Extremum("maximum", 3.0, 0.02),),
        failed_points=((0.6, "NaN"),),
        comparison=curve,
    )
    return make_run(
        dimers=(scan, make_scan(("Cu", "Cu"), 2.2)),
        approaches=(ClosestApproach(("O", "Cu"), 1.93, "a", 3),),
        relaxations=(make_relaxation(), make_relaxation("CuO", -3.5, converged=False)),
        parities=(make_parity("my set"),),
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


def test_a_run_has_one_colour_and_it_is_the_model_s(full):
    for backend in ("chgnet", "mace"):
        panels = draw_panels(dataclasses.replace(full, calculator=info(backend)))
        assert [p.name for p in panels] == [
            "dimer-Cu-O",
            "dimer-Cu-Cu",
            "volumes",
            "bonds",
            "forces-my-set",
            "energies-my-set",
            "order-my-set",
            "scales",
            "learning-1",
        ]
        for panel in panels:
            assert colours_of(panel.figure) == {LOOKS[backend][0]}, panel.name


def test_in_a_comparison_every_model_has_its_own(full):
    models = [info("sevennet"), info("chgnet", "0.3.0"), info("chgnet", "0.2.0")]
    comparison = compare_runs([dataclasses.replace(full, calculator=m) for m in models], "abc")
    colours = model_colours(models)
    assert colours[:2] == ("#D55E00", "#0072B2")
    panels = draw_compared_panels(comparison)
    assert len(panels) == 7
    for panel in panels:
        assert colours_of(panel.figure) == set(colours), panel.name
    for own, colour in zip(draw_own_panels(comparison), colours, strict=True):
        assert {c for p in own for c in colours_of(p.figure)} == {colour}


def test_pages_take_the_colour_that_they_are_given(full):
    for figure in (
        *draw_dimers(full.dimers, colour="#009E73"),
        *draw_relaxations(full.relaxations, colour="#009E73"),
        *draw_parities(full.parities, colour="#009E73"),
    ):
        assert colours_of(figure) == {"#009E73"}


# ---- what is drawn -----------------------------------------------------------------------------


def test_what_a_pair_shows(full):
    panel = find(draw_panels(full), "dimer-Cu-O")
    upper, lower = panel.figure.axes
    scan = full.dimers[0]
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


def test_a_spurious_maximum_above_the_barrier_is_in_sight(toy):
    upper, _ = find(draw_panels(toy), "dimer-N-N").figure.axes
    marks = [line.get_ydata()[0] for line in upper.lines if line.get_marker() == "v"]
    assert marks
    assert max(marks) < upper.get_ylim()[1]


@pytest.mark.parametrize("distance", [0.2, 5.9])
def test_the_shortest_distance_is_in_sight(full, distance):
    near = (ClosestApproach(("Cu", "O"), distance, "a", 3),)
    panel = find(draw_panels(dataclasses.replace(full, approaches=near)), "dimer-Cu-O")
    low, high = panel.figure.axes[0].get_xlim()
    assert low < distance < high
    assert f"Shortest distance in your frames: {distance:.2f} Å." in panel.alt


@pytest.mark.parametrize("distance", [None, np.nan, 40.0])
def test_a_distance_that_is_none_or_far_away_has_no_line(full, distance):
    far = (ClosestApproach(("Cu", "O"), distance, "a", 3),)
    panel = find(draw_panels(dataclasses.replace(full, approaches=far)), "dimer-Cu-O")
    assert panel.figure.axes[0].get_xlim()[1] <= 6.0
    with pytest.raises(StopIteration):
        line_of(panel, "shortest")


def test_volumes_of_few_are_named_and_of_many_against_the_reference(full):
    few = find(draw_panels(full), "volumes")
    (axis,) = few.figure.axes
    assert [t.get_text() for t in axis.get_yticklabels()] == ["Cu", "CuO"]
    assert list(line_of(few, "chgnet").get_xdata()) == pytest.approx([1.25, -3.5])
    assert list(line_of(few, "not converged").get_xdata()) == [-3.5]
    rows = tuple(make_relaxation(f"s{k}", 0.5 * k) for k in range(12))
    many = find(draw_panels(make_run(relaxations=rows)), "volumes")
    x, y = line_of(many, "chgnet").get_data()
    assert y / x == pytest.approx([1 + 0.005 * k for k in range(12)])
    assert "s11 +5.50 %" in many.alt
    assert "and 4 smaller" in many.alt


def test_bonds_show_how_much_each_changes(full):
    panel = find(draw_panels(full), "bonds")
    x, y = line_of(panel, "chgnet").get_data()
    assert x == pytest.approx([2.0, 2.5])
    assert y == pytest.approx([1.0, -2.0])


def test_learning_tells_the_model_from_other_methods(full):
    panel = find(draw_panels(full), "learning-1")
    lines = {c.get_label(): c[0] for c in panel.figure.axes[0].containers}
    assert to_hex(lines["fine-tuned"].get_color()).upper() == LOOKS["chgnet"][0]
    looks = {(c.get_linestyle(), c.get_marker()) for c in lines.values()}
    assert len(looks) == 3
    assert line_of(panel, "zero-shot").get_color() == LOOKS["chgnet"][0]


def test_compared_dots_are_numbers_of_each_model(full):
    shifted = tuple(make_relaxation(r.name, r.volume_change_percent + 1) for r in full.relaxations)
    other = dataclasses.replace(full, calculator=info("mace"), relaxations=shifted)
    panels = draw_compared_panels(compare_runs([full, other], "ab"))
    volumes = find(panels, "volumes")
    assert list(line_of(volumes, "chgnet").get_xdata()) == [1.25, -3.5]
    assert list(line_of(volumes, "mace").get_xdata()) == [2.25, -2.5]
    assert "chgnet:None: CuO −3.50 %, Cu +1.25 %." in volumes.alt
    assert "mace:None: CuO −2.50 %, Cu +2.25 %." in volumes.alt
    assert line_of(find(panels, "energies"), "mace").get_xdata() == pytest.approx([15.0])
    assert line_of(find(panels, "forces"), "mace").get_xdata() == pytest.approx([0.25])
    assert line_of(find(panels, "order"), "mace").get_xdata() == pytest.approx([0.25])


def test_of_very_many_structures_the_worst_are_compared():
    rows = tuple(make_relaxation(f"s{k:03}", 0.1 * k) for k in range(200))
    comparison = compare_runs([make_run(info(b), relaxations=rows) for b in ("a", "b")], "ab")
    panel = find(draw_compared_panels(comparison), "volumes")
    assert panel.subjects == tuple(f"s{k:03}" for k in range(170, 200))
    assert "The 30 with the largest numbers are shown." in panel.caption


# ---- what is said ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dimer-Cu-O", ["1.700 Å", "turns over at 0.80 Å behind 30.00 eV", "+0.010 Å", "1.93 Å"]),
        ("dimer-Cu-O", ["maximum at 3.00 Å, 0.020 eV", "1 of 111 points failed, at 0.60 Å"]),
        ("dimer-Cu-Cu", ["2.200 Å", "holds down to 0.50 Å"]),
        ("volumes", ["CuO −3.50 %, Cu +1.25 %", "Not converged, crossed: CuO."]),
        ("bonds", ["4 bonds", "Cu −2.00 %", "0 broken"]),
        ("forces-my-set", ["MAE 0.25 eV/Å", "0.500 of the reference, soft"]),
        ("energies-my-set", ["15.0 meV/atom in raw (2 frames)", "bias −5.0 meV/atom"]),
        ("order-my-set", ["σ 0.25 eV over 170006 pairs", "66 % for 0.1 eV"]),
        ("scales", ["MAE 15.0 meV/atom", "σ 0.25 eV"]),
        ("learning-1", ["Zero-shot 0.4 meV/atom", "Fine-tuned needs half."]),
    ],
)
def test_who_cannot_see_it_is_told_the_numbers(full, name, words):
    r_squared = Estimate(1.0)
    forces = make_forces(np.linspace(-2, 2, 60), 0.5 * np.linspace(-2, 2, 60), r_squared=r_squared)
    rows = (make_parity("my set", forces=forces),)
    alt = find(draw_panels(dataclasses.replace(full, parities=rows)), name).alt
    for each in words:
        assert each in alt
    assert "chgnet:None" in alt


def test_panels_are_evidence_for_findings_that_there_are(toy, full):
    known = {(c.check, c.quantity) for c in CRITERIA}
    checks = {check for check, _ in known} | {"learning"}
    for panel in (*draw_panels(toy), *draw_panels(full)):
        assert panel.check in checks
        assert {(panel.check, q) for q in panel.quantities} <= known
        assert panel.subjects
        assert panel.caption.endswith(".")
        assert OURS.fullmatch(f"{panel.name}.svg")


def test_small_words_are_large_enough_and_none_is_cut_off(toy, full):
    models = [dataclasses.replace(full, calculator=info(b, "x" * 30)) for b in ("chgnet", "mace")]
    compared = draw_compared_panels(compare_runs(models, "ab"))
    long = make_parity(
        "a rather long name of a set, as folders may have it",
        forces=make_forces([1e-4] * 6, [3.33e-4] * 6, slope=None, component_mae=0.000189),
        energy=make_energy([*np.linspace(-0.01, 0.01, 50), 8.0]),
        not_assessed={"slope": "all of the reference's forces are below a thousandth of an eV/Å"},
    )
    lengthy = draw_panels(make_run(parities=(long,)))
    for panel in (*draw_panels(toy), *draw_panels(full), *compared, *lengthy):
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
        relaxations=(
            Relaxation("unread", error="not a file"),
            make_relaxation("failed", error="no"),
            Relaxation("empty", n_atoms=3, volume_change_percent=np.nan, cell="free"),
            make_relaxation("unbonded", None, volume=None, bonds=None, bond_changes=()),
        ),
        parities=(Parity("broken", error="no"), Parity("bare")),
    )
    assert draw_panels(run) == []
    assert draw_panels(make_run()) == []
    others = dataclasses.replace(run, calculator=info("mace"))
    assert draw_compared_panels(compare_runs([run, others], "ab")) == []


def test_a_model_that_failed_is_absent_beside_one_that_did_not(full):
    scans = tuple(dataclasses.replace(s, error="no", comparison=None) for s in full.dimers)
    rows = tuple(Relaxation(r.name, error="no", cell=r.cell) for r in full.relaxations)
    other = make_run(
        info("mace"), dimers=scans, relaxations=rows, parities=(Parity("my set", error="no"),)
    )
    comparison = compare_runs([full, other], "ab")
    panels = draw_compared_panels(comparison)
    assert len(panels) == 7
    for panel in panels:
        assert colours_of(panel.figure) <= {LOOKS["chgnet"][0], LOOKS["mace"][0]}
    assert "mace" not in find(panels, "dimer-Cu-O").alt


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30, 1e300])
def test_numbers_of_any_size(scale, tmp_path):
    scan = make_scan()
    energies, forces = scan.energies * scale, scan.forces * scale
    F = np.linspace(-1, 1, 30) * scale
    run = make_run(
        dimers=(dataclasses.replace(scan, energies=energies, forces=forces),),
        relaxations=(make_relaxation(change=min(scale, 1e8)),),
        parities=(
            make_parity(
                forces=make_forces(F, F, slope=None),
                energy=make_energy([scale, -scale / 3] if scale < 1e200 else [1e30]),
                ordering=make_ordering(min(scale, 1e100)),
            ),
        ),
    )
    assert len(write_panels(tmp_path, draw_panels(run))) == 7


def test_one_point_and_no_numbers(tmp_path):
    one = DimerScan(("H", "H"), np.array([1.0]), np.array([-1.0]), np.array([0.0]))
    none = Estimate(np.nan)
    run = make_run(
        dimers=(one,),
        parities=(
            make_parity(
                energy=dataclasses.replace(make_energy([np.nan, 0.1]), mae=none),
                forces=make_forces([], [], slope=None),
                ordering=make_ordering(bins=(), sigma=0.0),
            ),
        ),
    )
    again = from_plain(RunRecord, to_plain(run))  # NaN comes back as None
    for k, record in enumerate((run, again)):
        (tmp_path / str(k)).mkdir()
        assert write_panels(tmp_path / str(k), draw_panels(record))


@pytest.mark.parametrize("name", [HOSTILE, "$$", "_hidden", "$x$ $", "中文", "\n", "", "a" * 500])
def test_any_name(full, name, tmp_path):
    curve = dataclasses.replace(full.dimers[0].comparison, reference=name)
    learning = dataclasses.replace(full.learning[0], name=name, methods=("fine-tuned", name))
    run = dataclasses.replace(
        full,
        calculator=dataclasses.replace(full.calculator, spec=name),
        dimers=(dataclasses.replace(full.dimers[0], comparison=curve),),
        relaxations=(make_relaxation(name), make_relaxation(name + "2", converged=False)),
        parities=(make_parity(name, not_assessed={"energy": name}), make_parity(name)),
        learning=(learning,),
    )
    other = dataclasses.replace(run, calculator=dataclasses.replace(run.calculator, backend="b"))
    panels = draw_panels(run)
    names = [p.name for p in panels]
    assert len(set(names)) == len(names) == 11
    for panel in (*panels, *draw_compared_panels(compare_runs([run, other], "ab"))):
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


def test_names_of_files_are_told_apart():
    run = make_run(parities=tuple(make_parity(n) for n in ("my set", "My_Set", "my-set")))
    names = [p.name for p in draw_panels(run) if p.name.startswith("forces")]
    assert names == ["forces-my-set", "forces-My-Set-2", "forces-my-set-3"]
    assert slug("order", "../../etc/passwd") == "order-etc-passwd"
    assert slug("order", "中") == "order-unnamed"


# ---- files -------------------------------------------------------------------------------------


def test_the_same_record_gives_the_same_bytes(toy):
    again = from_plain(RunRecord, to_plain(toy))  # as from JSON
    for one, other in zip(draw_panels(toy), draw_panels(again), strict=True):
        first = svg(one.figure)
        assert first == svg(other.figure), one.name
        assert one.alt == other.alt
        text = first.decode()
        assert text.rstrip().endswith("</svg>")
        assert not re.search(r"dc:date|20\d\d-\d\d-\d\d|Matplotlib|DejaVu Sans", text)
        assert "<text" not in text  # outlines: no font is asked for


def test_an_earlier_report_s_figures_go_and_nothing_else_does(full, tmp_path):
    before = draw_panels(full)
    paths = write_panels(tmp_path, before)
    assert [p.name for p in paths] == [f"{p.name}.svg" for p in before]
    foreign = (
        "notes.svg",
        "dimer.svg",
        "my-volumes.svg",
        "volumes.png",
        "forces-a b.svg",
        "learning-x.svg",
        "index.html",
        "Volumes.svg.bak",
    )
    for name in foreign:
        (tmp_path / name).write_text("mine")
    (tmp_path / "dimer-X-X.svg").mkdir()
    after = draw_panels(dataclasses.replace(full, dimers=full.dimers[:1], relaxations=()))
    write_panels(tmp_path, after)
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {f"{p.name}.svg" for p in after} | set(foreign) | {"dimer-X-X.svg"}
    assert all((tmp_path / name).read_text() == "mine" for name in foreign)


def test_pages_of_a_comparison_are_still_png(full, tmp_path):
    other = dataclasses.replace(full, calculator=info("mace"))
    paths = save_comparison(tmp_path, compare_runs([full, other], "ab"))
    assert [p.name for p in paths] == ["dimers.png", "volumes.png"]


def test_every_question_about_forces_energies_and_order_has_its_figure():
    record = check_up(get_calculator("toy"))
    answered = {q for p in draw_panels(record) if p.check == "parity" for q in p.quantities}
    asked = {c.quantity for c in CRITERIA if c.check == "parity"}
    assert answered <= asked
    # a stress is a number in a table; frames and labels are told in words
    assert asked - answered == {"frames", "labels", "stress"}
