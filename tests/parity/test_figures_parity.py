"""What the figures of parity show, read back from what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.container import BarContainer
from parity_records import BINS, make_energy, make_forces, make_parity, make_ranking

from mlipcheck import get_calculator
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.checks.parity.compare import parity
from mlipcheck.checks.parity.panels import SIGNAL, draw_panels, draw_scales, kinds_of
from mlipcheck.checks.parity.record import Parity
from mlipcheck.comparison import compare_runs
from mlipcheck.drawing.colours import OTHER
from mlipcheck.drawing.panel import new_axes, svg
from mlipcheck.record import RunRecord
from mlipcheck.references.inputs import morse_frames
from mlipcheck.storage import from_plain, to_plain

# the panels of a set, and the unit along each
KINDS = {"forces": "eV/Å", "energies": "meV/atom", "ranking": "total eV"}


def find_line(axis, label):
    (line,) = [line for line in axis.lines if line.get_label().startswith(label)]
    return line


def find_marks(axis, marker):
    """Where the single marks of a panel stand."""
    lines = [line for line in axis.lines if line.get_marker() == marker]
    return [tuple(line.get_xydata()[0]) for line in lines if len(line.get_xydata()) == 1]


def find_words(axis):
    return [t.get_text() for t in axis.texts]


def draw_each(record):
    """Draw what a set has a figure for, and return the axes: forces, energies, order of states."""
    found = []
    for kind in kinds_of(record):
        _, axis = new_axes(4.0)
        kind.draw(axis, record, OTHER)
        found.append(axis)
    return found


def panels_of(*records):
    info = CalculatorInfo(spec="toy", backend="toy")
    run = RunRecord("", info, {}, {"energy_resolution": 0.1}, checks={"parity": records})
    return draw_panels(compare_runs([run]).models)


@pytest.fixture(scope="module")
def toys():
    toy = get_calculator("toy")
    return [
        parity(toy, morse_frames(name), energy_resolution=0.1)
        for name in ("morse-near", "morse-far")
    ]


# ---- panels ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_panel_a_set_and_quantity(toys):
    panels = panels_of(*toys)
    names = [f"{what}-{p.name}" for p in toys for what in KINDS]
    assert [p.name for p in panels] == [*names, "scales"]
    for panel in panels[:-1]:
        (axis,) = panel.figure.axes
        assert KINDS[panel.name.partition("-")[0]] in axis.get_xlabel()
        assert panel.subjects == (panel.name.partition("-")[2],)


@pytest.mark.slow
def test_an_error_has_no_panel_and_neither_has_what_is_empty():
    broken = Parity("broken", error="no labels")
    empty = Parity("empty", frames=3, not_assessed={"energy": "no frame has an energy"})
    assert panels_of() == []
    assert panels_of(broken, empty) == []
    found = panels_of(broken, make_parity(), empty)
    assert [p.name for p in found] == ["forces-made", "energies-made", "ranking-made", "scales"]
    assert all(p.subjects == ("made",) for p in found)


@pytest.mark.parametrize("missing", ["energy", "forces", "ranking"])
def test_what_is_missing_has_no_panel(missing):
    assert len(draw_each(make_parity(**{missing: None}))) == 2
    others = dict.fromkeys({"energy", "forces", "ranking"} - {missing})
    assert len(draw_each(make_parity(**others))) == 1


@pytest.mark.slow
def test_the_same_record_gives_the_same_bytes(toys):
    def draw():
        record = from_plain(Parity, to_plain(toys[1]))  # as from JSON
        panels = panels_of(record)
        return [svg(x) for x in (*(p.figure for p in panels), draw_scales([record], None, "toy"))]

    first, second = draw(), draw()
    assert first == second
    assert len(first) == 5
    assert all(len(content) > 10_000 for content in first)


# ---- forces ------------------------------------------------------------------------------------


def test_forces_and_their_slope():
    axis = draw_each(make_parity())[0]
    cloud = find_line(axis, "components").get_xydata()
    F = np.linspace(-2, 2, 60)
    assert cloud == pytest.approx(np.column_stack([F, 0.5 * F]))
    for label, slope in (("y = x", 1.0), ("slope 0.500", 0.5)):
        x, y = find_line(axis, label).get_xydata().T
        assert y == pytest.approx(slope * x)
        assert (x.min(), x.max()) == axis.get_xlim()
    assert axis.get_xscale() == axis.get_yscale() == "linear"
    assert axis.get_xlim() == pytest.approx((-2.2, 2.2))
    assert axis.get_ylim() == pytest.approx((-2.2, 2.2))
    mae, slopes = axis.get_title().splitlines()
    assert mae == "MAE 0.125 eV/Å of components, 0.25 of vectors"
    assert slopes == "slope 0.500, reverse 0.500, R² 1.000: soft"


@pytest.mark.slow
def test_a_slope_near_one_is_called_nothing():
    F = np.linspace(-2, 2, 60)
    for factor, word in ((0.95, None), (1.05, None), (0.85, "soft"), (1.15, "stiff")):
        title = draw_each(make_parity(forces=make_forces(F, factor * F)))[0].get_title()
        assert title.rpartition(": ")[2] == (word or title)


@pytest.mark.slow
def test_without_a_slope_the_reason_stands_there():
    still = make_forces(np.zeros(6), np.full(6, 1e-6), slope=False)
    record = make_parity(forces=still, not_assessed={"slope": "all its forces are zero"})
    axis = draw_each(record)[0]
    assert "slope not assessed: all its forces are zero" in axis.get_title()
    assert [line.get_label() for line in axis.lines] == ["y = x", "components"]
    # a model without forces either, and one whose slope has no second bound
    nothing = make_forces(np.zeros(6), np.zeros(6), slope=False)
    assert draw_each(make_parity(forces=nothing))[0].get_xlim() == (-1, 1)
    half = make_forces([1, 2, 3], [0, 0, 0])
    assert "slope 0.000: uncorrelated" in draw_each(make_parity(forces=half))[0].get_title()


def test_a_few_huge_forces_do_not_hide_the_others():
    rng = np.random.default_rng(0)
    F = np.append(rng.normal(scale=0.1, size=2000), [60.0, -40.0])
    huge = make_forces(F, 0.7 * F, largest_share=0.9)
    axis = draw_each(make_parity(forces=huge))[0]
    assert axis.get_xscale() == axis.get_yscale() == "asinh"
    assert "asinh axis" in axis.get_xlabel()
    assert "asinh axis" in axis.get_ylabel()
    assert "one frame holds 90 % of ΣF²" in axis.get_title()
    # all points are inside, and the bulk takes a good part of the panel
    assert np.abs(find_line(axis, "components").get_xydata()).max() < axis.get_xlim()[1]
    at = axis.transAxes.inverted().transform(axis.transData.transform([[0.2, 0], [-0.2, 0]]))
    assert at[0, 0] - at[1, 0] > 0.15
    ticks = [t.get_text() for t in axis.get_xticklabels()]
    assert ticks[len(ticks) // 2] == "0"
    assert {"−10", "−1", "1", "10"} <= set(ticks)
    assert len(find_line(axis, "components").get_xydata()) == len(F)


def test_many_points_are_small_translucent_and_rasterised():
    rng = np.random.default_rng(0)
    F = rng.normal(size=4000)
    few = find_line(draw_each(make_parity())[0], "components")
    many = find_line(draw_each(make_parity(forces=make_forces(F, F)))[0], "components")
    assert many.get_markersize() < few.get_markersize()
    assert many.get_alpha() < few.get_alpha() < 1
    assert many.get_rasterized()


# ---- energies ----------------------------------------------------------------------------------


def bars(axis):
    """Counts of each bin inside the axis, and of what lies beyond it."""
    stacks = [c for c in axis.containers if isinstance(c, BarContainer)]
    counts = {c[0].get_label(): np.array([bar.get_height() for bar in c]) for c in stacks}
    inside = counts.pop("frames")
    return inside, next(iter(counts.values()), np.zeros_like(inside))


def test_points_beyond_the_axis_are_counted_in_the_outer_bins():
    rng = np.random.default_rng(0)
    errors = np.concatenate([rng.normal(scale=0.01, size=300), [-8.0, -3.0, 5.0]])
    axis = draw_each(make_parity(energy=make_energy(errors)))[1]
    inside, beyond = bars(axis)
    assert inside.sum() == 300
    assert beyond.sum() == 3
    assert (beyond[0], beyond[-1]) == (2, 1)
    low, high = axis.get_xlim()
    assert -100 < low < 0 < high < 100  # meV/atom
    assert "3 beyond the axis, the furthest at −8000" in axis.get_title()


def test_the_mean_error_and_its_convention_are_named():
    axis = draw_each(make_parity(energy=make_energy([0.012, -0.004], "fit-offsets")))[1]
    assert axis.get_title().splitlines() == [
        "MAE 8 meV/atom, fit-offsets",
        "bias +4.0 meV/atom, 2 frames",
    ]
    inside, beyond = bars(axis)
    assert (inside.sum(), beyond.sum()) == (2, 0)
    assert find_line(axis, "no error").get_xdata() == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("errors", [[0.0], [0.0, 0.0], [0.3, 0.3, 0.3], [-1e-9, 1e-9]])
def test_zero_is_on_the_axis_and_so_are_the_errors(errors):
    axis = draw_each(make_parity(energy=make_energy(errors)))[1]
    inside, beyond = bars(axis)
    assert (inside.sum(), beyond.sum()) == (len(errors), 0)
    low, high = axis.get_xlim()
    assert low < 0 < high
    assert "−0.0" not in axis.get_title()


# ---- ordering ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_order_of_states():
    axis = draw_each(make_parity())[2]
    observed, expected = find_line(axis, "observed"), find_line(axis, "Φ(|ΔE|/σ)")
    assert list(observed.get_ydata()) == [b.observed for b in BINS]
    assert list(expected.get_ydata()) == [b.expected for b in BINS]
    for b, x in zip(BINS, observed.get_xdata(), strict=True):
        assert b.low < x < (b.high or np.inf)
    assert find_line(axis, "σ 0.25 eV").get_xdata() == [0.25, 0.25]
    assert find_line(axis, "asked about: 0.1 eV").get_xdata() == [0.1, 0.1]
    # the same decades on every axis, however few the bins
    few = draw_each(make_parity(ranking=make_ranking(bins=BINS[1:2])))[2]
    assert few.get_xlim() == axis.get_xlim() == (0.007, 6.0)
    (top,) = axis.child_axes
    assert [t.get_text() for t in top.get_xticklabels()] == ["5", "170000", "1"]
    assert axis.get_title().splitlines() == [
        "σ 0.25 eV over 170006 pairs of 2 compositions",
        "at 0.1 eV: Φ 0.66, observed 0.70 of 12 pairs",
    ]


@pytest.mark.slow
def test_the_order_where_nothing_was_asked_or_nothing_is_so_far_apart():
    silent = make_ranking(difference=None, chance=None, observed=None, observed_pairs=0)
    axis = draw_each(make_parity(ranking=silent))[2]
    assert len(axis.get_title().splitlines()) == 1
    assert not any(line.get_label().startswith("asked") for line in axis.lines)
    lonely = make_ranking(observed=None, observed_pairs=0)
    title = draw_each(make_parity(ranking=lonely))[2].get_title()
    assert title.endswith("at 0.1 eV: Φ 0.66, no pair so far apart")
    # a perfect model has no place for σ on a logarithmic axis, and states alike have no bins
    perfect = draw_each(make_parity(ranking=make_ranking(0.0)))[2]
    assert not any(line.get_label().startswith("σ") for line in perfect.lines)
    assert draw_each(make_parity(ranking=make_ranking(bins=())))[2].get_title()


# ---- scales ------------------------------------------------------------------------------------


def find_rows(axis, marker):
    """Return the value and the row of each dot with this mark."""
    lines = [line for line in axis.lines if line.get_marker() == marker]
    return [(x, round(y)) for line in lines for x, y in line.get_xydata()]


def test_scales_show_what_was_measured(toys):
    upper, lower = draw_scales(toys, None, "toy").axes
    near, far = toys
    # eV/atom above, total eV of a pair of states below
    assert "eV/atom" in upper.get_xlabel()
    assert "total eV" in lower.get_xlabel()
    assert find_rows(upper, "o") == [(near.energy.mae.value, 0)]
    assert find_rows(upper, "s") == [(far.energy.mae.value, 1)]
    assert find_rows(lower, "o") == [(near.ranking.sigma.value, 0)]
    assert find_rows(lower, "s") == [(far.ranking.sigma.value, 1)]
    assert find_rows(upper, "^") == [(0.030, 2), (0.208, 3)]
    assert find_rows(lower, "^") == []
    names = ["morse-near", "morse-far", "MPtrj-random-1k", "Random-TP"]
    assert [t.get_text() for t in upper.get_yticklabels()] == names
    assert [t.get_text() for t in lower.get_yticklabels()] == names[:2]
    assert upper.get_xscale() == lower.get_xscale() == "log"
    assert upper.get_xlim() == lower.get_xlim()
    assert upper.get_title() == "toy, per atom"


def test_what_matters_is_a_band_beside_what_it_can_be_compared_with(toys):
    for resolution, ends in ((None, SIGNAL), (0.05, (0.05 / np.sqrt(2), 0.05 * np.sqrt(2)))):
        figure = draw_scales(toys, resolution, "toy")
        upper, lower = figure.axes
        (band,) = lower.patches
        assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx(ends)
        assert not upper.patches
        (legend,) = figure.legends
        words = [t.get_text() for t in legend.get_texts()]
        assert any("0.05 eV" in w if resolution else "hydrogen-evolution" in w for w in words)
        assert "in distribution" in words
        assert "distribution not known" not in words


def test_published_errors_stand_beside_those_on_the_same_frames():
    records = [make_parity("random-TP"), make_parity("other", distribution=None)]
    upper, lower = draw_scales(records, None, "made").axes
    names = ["random-TP", "other", "MPtrj-random-1k"]
    assert [t.get_text() for t in upper.get_yticklabels()] == names
    assert find_rows(upper, "^") == [(0.208, 0), (0.030, 2)]
    assert find_rows(lower, "D") == [(0.25, 1)]
    # the intervals are lines from end to end
    spans = [line.get_xdata() for line in upper.lines if not line.get_marker().strip("None")]
    assert [list(s) for s in spans if s[-1] == 0.09] == [[0.01, 0.09], [0.01, 0.09]]


def test_what_could_not_be_assessed_has_a_row_without_a_dot():
    bare = Parity("bare", distribution="in", frames=1)
    figure = draw_scales([bare, make_parity(), Parity("broken", error="no")], None, "made")
    upper, lower = figure.axes
    assert [t.get_text() for t in lower.get_yticklabels()] == ["bare", "made"]
    assert (find_rows(upper, "o"), find_rows(lower, "o")) == ([], [])
    assert len(find_rows(upper, "s")) == len(find_rows(lower, "s")) == 1
    assert len(draw_scales([], None, "nothing").axes) == 2


@pytest.mark.slow
def test_an_error_of_zero_stands_at_the_left():
    perfect = make_parity(energy=make_energy([0.0, 0.0]), ranking=make_ranking(0.0))
    figure = draw_scales([perfect], None, "perfect")
    for axis in figure.axes:
        ((x, _),) = find_rows(axis, "s")
        assert axis.get_xlim()[0] < x < 1e-5
    assert len(svg(figure)) > 10_000
