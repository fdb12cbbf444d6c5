"""The toy's learning curve: the published table, closed forms, and what nothing is gained from."""

from __future__ import annotations

import json
import re
from io import StringIO

import numpy as np
import pytest
from ase.calculators.calculator import InputError
from hypothesis import given, settings
from hypothesis import strategies as st

from mlipcheck import RBFRidge
from mlipcheck.checks.learning import toy as toy_learning
from mlipcheck.checks.learning.check import make_tables
from mlipcheck.checks.learning.figures import draw_curve
from mlipcheck.checks.learning.needed import advantage_sentence, needed_frames
from mlipcheck.checks.learning.record import LearningCurve, LearningPoint
from mlipcheck.checks.learning.toy import (
    FINE_TUNED,
    SCRATCH,
    SIZES,
    SYSTEM,
    leave_one_out,
    toy_learning_curve,
)
from mlipcheck.drawing.colours import OTHER
from mlipcheck.drawing.panel import new_axes
from mlipcheck.report.terminal import console, print_blocks
from mlipcheck.storage import dumps, from_plain

PUBLISHED = {
    SCRATCH: (0.351, 0.289, 0.232, 0.196, 0.155, 0.132),
    FINE_TUNED: (0.162, 0.127, 0.104, 0.076, 0.063, 0.045),
}


def against_zero_shot(curve):
    """Return what the sentence says of the fine-tuned model beside zero-shot."""
    return re.search(r"Compared with zero-shot, [^;]*fine-tuned ([^;]*);", curve.sentence)[1]


def means(curve, method):
    return np.array([p.mean for p in curve.points_of(method)])


def design(r):
    """Return the features of dimers at ``r``, written out: Gaussians, then one."""
    gaussians = np.exp(-(((np.asarray(r)[:, None] - np.linspace(0.7, 2.6, 24)) / 0.12) ** 2))
    return np.column_stack([gaussians, np.ones(len(r))])


def model():
    return RBFRidge(np.linspace(0.7, 2.6, 24), 0.12)


@pytest.fixture(scope="module")
def fixed():
    return toy_learning_curve(target=0.05)


@pytest.fixture(scope="module")
def tuned():
    return toy_learning_curve(tuned=True, target=0.05)


# The published table, and what becomes of it


def test_the_published_table(fixed):
    assert fixed.sizes == SIZES == (3, 5, 10, 20, 40, 80)
    assert fixed.zero_shot == pytest.approx(0.171, abs=1e-3)
    for method, published in PUBLISHED.items():
        assert means(fixed, method) == pytest.approx(published, abs=1e-3)
        assert all(len(p.errors) == 30 for p in fixed.points_of(method))


def test_errors_are_rms_over_the_test_points(fixed):
    """One draw of the table from nothing but numpy."""
    rng = np.random.default_rng(20260611)
    rng.uniform(size=660)
    r = rng.uniform(0.9, 2.0, 3)

    def v(x):
        return 1.4 * (1 - np.exp(-1.5 * (x - 1.25))) ** 2

    A = design(r)
    w = np.linalg.solve(A.T @ A + 1e-4 * np.eye(25), A.T @ v(r))
    test = np.linspace(0.85, 2.3, 200)
    rms = np.sqrt(np.mean((design(test) @ w - v(test)) ** 2))
    assert fixed.points_of(SCRATCH)[0].errors[0] == pytest.approx(rms, abs=1e-9)


def test_tuned_ridges_leave_an_advantage_that_grows(tuned):
    """Numbers of this package, held still; both errors fall, that of fine-tuning by more."""
    assert means(tuned, FINE_TUNED) == pytest.approx(
        [0.1725, 0.1287, 0.0751, 0.0221, 0.0074, 0.0020], abs=5e-4
    )
    assert means(tuned, SCRATCH) == pytest.approx(
        [0.3567, 0.2922, 0.2293, 0.1624, 0.1002, 0.0746], abs=5e-4
    )
    ratios = means(tuned, SCRATCH) / means(tuned, FINE_TUNED)
    found = re.search(r"from scratch is ([\d., ]+) times", tuned.sentence)
    assert [float(x) for x in found[1].split(", ")] == pytest.approx(ratios, rel=0.05)
    assert "; fine-tuned is better at every N." in tuned.sentence
    # three points are too few to choose a ridge by: no better than not to learn at all
    assert "eV: fine-tuned is better from N = 5 on, no different at N = 3" in tuned.sentence


def test_the_note_says_that_the_fixed_advantage_lies_outside_the_draws(fixed):
    assert fixed.notes[0].startswith("inside 0.9 to 2 Å")
    assert "1.4, 1.2, 0.88, 0.54, 0.21, 0.061 times" in fixed.notes[0]
    ahead = "fine-tuned is better at N = 3, 5, no different at N = 10, worse from N = 20 on"
    assert ahead in fixed.notes[0]


def test_the_same_seed_gives_the_same_numbers():
    one, same, other = (toy_learning_curve(trials=2, seed=s, tuned=True) for s in (1, 1, 2))
    assert one == same
    assert one.points != other.points


def test_progress_counts_the_draws():
    counts = []
    toy_learning_curve(trials=2, progress=counts.append)
    assert sum(counts) == len(SIZES) * 2


# What there is nothing to gain from


@pytest.mark.parametrize("tuned", [False, True])
def test_a_model_pretrained_on_the_very_system_gains_nothing(tuned):
    curve = toy_learning_curve(pretrain=SYSTEM, tuned=tuned, target=0.05)
    assert curve.zero_shot < 2e-4
    for p in curve.points_of(FINE_TUNED):
        assert p.mean > curve.zero_shot - 2 * p.spread / np.sqrt(len(p.errors))
    assert "better" not in against_zero_shot(curve)
    assert curve.needed[0].n == 0
    assert curve.needed[0].text == "already zero-shot"
    assert curve.needed[1].text == "more than 80"  # from scratch does not start from there


@pytest.mark.parametrize("tuned", [False, True])
def test_shuffled_labels_gain_nothing(tuned):
    curve = toy_learning_curve(shuffled=True, tuned=tuned)
    assert (means(curve, FINE_TUNED) > curve.zero_shot).all()
    assert "better" not in against_zero_shot(curve)
    assert "the energies are shuffled" in curve.notes[-1]


def test_shuffling_changes_the_energies_and_not_the_draws(monkeypatch):
    draws = {True: [], False: []}
    for shuffled, seen in draws.items():

        def keep(r, energies, prior, seen=seen):
            seen.append((r, energies))
            return 1.0

        monkeypatch.setattr(toy_learning, "choose_ridge", keep)
        toy_learning_curve(trials=2, tuned=True, shuffled=shuffled)
    for (r, right), (same, wrong) in zip(draws[False], draws[True], strict=True):
        assert (r == same).all()
        assert right == pytest.approx(SYSTEM.energy(r))
        assert np.sort(wrong) == pytest.approx(np.sort(right))
    assert (right != wrong).any()


def test_the_ridge_chosen_is_small_for_right_labels_and_large_for_wrong_ones():
    r = np.random.default_rng(0).uniform(0.9, 2.0, 10)
    wrong = np.random.default_rng(1).permutation(SYSTEM.energy(r))
    assert toy_learning.choose_ridge(r, SYSTEM.energy(r), model()) < 1e-4
    assert toy_learning.choose_ridge(r, wrong, model()) > 1e-2


# The anchored ridge


@pytest.fixture
def draw():
    """Return 12 distances, their energies, and weights to be anchored to."""
    rng = np.random.default_rng(5)
    r = rng.uniform(0.9, 2.0, 12)
    return r, SYSTEM.energy(r), rng.normal(size=25)


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 0.5, 10.0])
def test_the_anchored_ridge_is_its_closed_form(draw, ridge):
    r, y, w0 = draw
    A = design(r)
    w = np.linalg.solve(A.T @ A + ridge * np.eye(25), A.T @ y + ridge * w0)
    found = model().fit(r, y, ridge=ridge, prior=w0).weights
    assert found == pytest.approx(w, abs=1e-8)
    assert np.abs(found - model().fit(r, y, ridge=ridge).weights).max() > 0.1


def test_it_tends_to_the_pretrained_weights_as_the_ridge_grows(draw):
    r, y, w0 = draw
    off = [np.abs(model().fit(r, y, ridge=x, prior=w0).weights - w0).max() for x in (1e2, 1e4, 1e6)]
    assert off[0] > 1e-2
    # the distance is A^T (y - A w0) / ridge
    assert off[1] / off[2] == pytest.approx(100, rel=0.01)
    assert off[2] < 1e-4


def test_it_tends_to_least_squares_as_the_ridge_falls():
    rng = np.random.default_rng(6)
    r = np.linspace(0.7, 2.6, 200)
    y, w0 = SYSTEM.energy(r), rng.normal(size=25)
    least = np.linalg.lstsq(design(r), y, rcond=None)[0]
    A, small = design(r), 1e-9
    assert np.abs(model().fit(r, y, ridge=1.0, prior=w0).weights - least).max() > 0.1
    found = model().fit(r, y, ridge=small, prior=w0).weights - least
    assert np.abs(found).max() < 1e-5
    # to first order in the ridge
    expected = small * np.linalg.solve(A.T @ A, w0 - least)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-9)


@given(
    n=st.integers(2, 40),
    exponent=st.floats(-4, 4),
    seed=st.integers(0, 1000),
    anchored=st.booleans(),
)
@settings(deadline=None, max_examples=25, derandomize=True)
def test_leave_one_out_in_closed_form_is_brute_force(n, exponent, seed, anchored):
    rng, ridge = np.random.default_rng(seed), 10.0**exponent
    r = rng.uniform(0.9, 2.0, n)
    y, prior = SYSTEM.energy(r), rng.normal(size=25) * anchored
    found = leave_one_out(design(r), y, np.array([1e3 * ridge, ridge]), prior)
    for k in range(n):
        others = np.arange(n) != k
        left = model().fit(r[others], y[others], ridge=ridge, prior=prior)
        assert found[1, k] == pytest.approx(y[k] - left.predict(r[[k]])[0], abs=1e-7)


def test_leave_one_out_does_not_drown_where_the_fit_goes_through_every_point(draw):
    """1 - h_ii taken as a difference has no digit left here."""
    r, y, w0 = draw
    found = leave_one_out(design(r), y, np.array([1e-12]), w0)[0]
    A = design(r)
    for k in range(len(r)):
        others = np.arange(len(r)) != k
        w = w0 + np.linalg.pinv(A[others]) @ (y[others] - A[others] @ w0)
        assert found[k] == pytest.approx(y[k] - A[k] @ w, rel=1e-4)


# How many are needed


def power_law(exponent, repeats=(1.0,), sizes=SIZES):
    return [LearningPoint("m", n, tuple(f * 2.0 * n**exponent for f in repeats)) for n in sizes]


@pytest.mark.parametrize("needed", [3.0, 3.7, 20.0, 33.3, 79.9])
@pytest.mark.parametrize("exponent", [-0.3, -1.0, -2.5])
def test_the_needed_n_of_a_power_law_is_exact(needed, exponent):
    found = needed_frames(power_law(exponent), 2.0 * needed**exponent * (1 + 1e-12))
    assert found.n == pytest.approx(needed, rel=1e-9)
    assert (found.low, found.high) == (None, None)
    assert found.text == (f"{np.ceil(needed):.0f}" if needed > 3 else "at most 3")


@pytest.mark.parametrize("nested", [False, True])
def test_the_spread_of_the_needed_n(nested):
    """1/N with factors 0.5 to 1.5: each needs its own factor times as many."""
    points = power_law(-1.0, (0.5, 1.0, 1.5))
    found = needed_frames(points, 0.1, nested=nested)
    assert (found.n, found.low, found.high) == pytest.approx((20, 10, 30))
    assert found.text == "20 (10 with luck, 30 without)"


def test_nested_repeats_have_their_own_n_where_mean_and_spread_do_not():
    """Curves that cross: their means and spreads belong to none of them."""
    first, second = np.array([4.0, 1.0]), np.array([2.0, 2.0 / 10])
    points = [LearningPoint("m", n, (first[k], second[k])) for k, n in enumerate((1, 10))]
    found = needed_frames(points, 1.5, nested=True)
    assert found.low == pytest.approx(10 ** (np.log(2 / 1.5) / np.log(10)))
    assert found.high == pytest.approx(10 ** (np.log(4 / 1.5) / np.log(4)))


def test_more_than_there_are():
    found = needed_frames(power_law(-1.0), 0.001)
    assert (found.n, found.text) == (None, "more than 80")
    # one draw in six gets there
    lucky = needed_frames(power_law(-1.0, (0.5, 1.0, 1.5)), 0.02)
    assert lucky.n is None
    assert lucky.low == pytest.approx(50)
    assert lucky.text == "more than 80 (50 with luck)"


def test_a_dip_below_the_target_does_not_count():
    points = [LearningPoint("m", n, (e,)) for n, e in ((3, 0.2), (5, 0.04), (10, 0.2), (20, 0.05))]
    assert needed_frames(points, 0.1).n == pytest.approx(10 * np.sqrt(2))
    assert needed_frames(points[:3], 0.1).text == "more than 10"


def test_failed_repeats_are_kept_and_not_averaged():
    points = [
        LearningPoint("m", 3, (), ("out of memory", "out of memory")),
        LearningPoint("m", 5, (0.4,), ("out of memory",)),
        LearningPoint("m", 20, (0.1, 0.1)),
    ]
    assert points[0].mean is points[0].spread is points[1].spread is None
    assert needed_frames(points, 0.2).n == pytest.approx(10)
    assert needed_frames(points[:1], 0.2).text == "no fit succeeded"


def test_nested_repeats_of_which_some_failed_are_no_curves_any_more():
    whole = power_law(-1.0, (0.5, 1.0, 1.5, 1.5))
    points = [LearningPoint("m", p.n, p.errors, ("out of memory",)) for p in whole]
    assert needed_frames(whole, 0.1, nested=True).high == pytest.approx(30)
    mixed = needed_frames(points, 0.1, nested=True)
    assert mixed.high == pytest.approx(20 * (1.125 + np.std([0.5, 1, 1.5, 1.5], ddof=1)))


@pytest.mark.parametrize("target", [0.0, -0.1, float("nan"), float("inf")])
def test_a_target_that_no_error_can_reach(target):
    with pytest.raises(InputError, match="give a positive error"):
        toy_learning_curve(trials=1, target=target)


def test_no_trial_at_all():
    with pytest.raises(InputError, match="trials is 0; give 1 or more"):
        toy_learning_curve(trials=0)


# The sentence says what the numbers say


def noisy(method, levels, seed):
    rng = np.random.default_rng(seed)
    return [
        LearningPoint(method, n, tuple(x * rng.normal(1, 0.05, 20)))
        for n, x in zip((3, 10, 30), levels, strict=True)
    ]


def sentence_of(one, other, zero_shot=None):
    return advantage_sentence(one, other, {"zero-shot": zero_shot}, "eV")


def test_the_sentence_when_scratch_catches_up_and_overtakes():
    words = sentence_of(noisy("a", (1.0, 0.5, 0.4), 1), noisy("b", (2.0, 0.5, 0.1), 2), 0.8)
    assert "; a is better at N = 3, no different at N = 10, worse at N = 30." in words
    assert "Compared with zero-shot, 0.8 eV: a is better from N = 10 on, worse at N = 3" in words
    assert "; b is better from N = 10 on, worse at N = 3." in words


def test_the_sentence_when_there_never_was_an_advantage():
    words = sentence_of(noisy("a", (1.0, 0.5, 0.4), 1), noisy("b", (0.5, 0.2, 0.1), 2), 0.3)
    assert "; a is worse at every N." in words
    assert "0.3 eV: a is worse at every N; b is better from N = 10 on, worse at N = 3." in words


def test_the_sentence_does_not_call_noise_an_advantage():
    words = sentence_of(noisy("a", (1, 1, 1), 1), noisy("b", (1, 1, 1), 2), 1.0)
    assert "; a is no different at every N." in words
    assert "1 eV: a is no different at every N; b is no different at every N." in words


def test_a_repeat_that_failed_leaves_pairs_unpaired_and_not_uncompared():
    """The same draws, hard and easy ones: as pairs they differ, apart they do not."""
    draws = np.linspace(1, 2, 20)
    a, b = LearningPoint("a", 3, tuple(draws)), LearningPoint("b", 3, tuple(draws + 0.1))
    assert "; a is better at every N" in sentence_of([a], [b])
    without = LearningPoint("b", 3, b.errors[:10] + b.errors[11:], ("out of memory",))
    assert "; a is no different" in sentence_of([a], [without])
    # as many are left, but not the same ones
    other = LearningPoint("a", 3, a.errors[1:], ("out of memory",))
    assert "; a is no different" in sentence_of([other], [without])
    worse = LearningPoint("b", 3, tuple(draws[1:] + 1))
    assert "; a is better at every N" in sentence_of([a], [worse])


def test_one_repeat_has_no_scatter_to_be_compared_with(fixed):
    assert "single repeats" not in fixed.sentence
    assert "These are single repeats" in sentence_of(power_law(-1), power_law(-2))
    assert "Nothing to compare" in sentence_of(power_law(-1), [])


# The record, the table and the figure


def test_the_record_goes_to_json_and_back(tuned):
    again = from_plain(LearningCurve, json.loads(dumps(tuned)))
    assert again == tuned
    assert isinstance(again.points[0].errors, tuple)


def test_the_table_holds_the_numbers_in_100_columns(fixed):
    stream = StringIO()
    print_blocks(console(stream), make_tables(fixed, fixed.name))
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    for k, n in enumerate(SIZES):
        (row,) = [line for line in lines if line.split()[:1] == [str(n)] and "±" in line]
        shown = [float(x) for x in re.findall(r"([\d.]+) ±", row)]
        assert shown == [PUBLISHED[m][k] for m in fixed.methods]
    words = " ".join(line.strip() for line in lines)
    (zero_shot,) = [line.split() for line in lines if line.strip().startswith("zero-shot")]
    assert zero_shot == ["zero-shot", "0.171", "-"]  # from scratch does not start from there
    assert "zero forces" not in words
    assert fixed.sentence in words
    assert "from scratch: more than 80." in words
    assert f"fine-tuned: {fixed.needed[0].text}." in words


def test_a_failed_fit_is_in_the_table(fixed):
    points = (LearningPoint("m", 3, (), ("out of [memory]",)), LearningPoint("m", 5, (0.2,)))
    curve = LearningCurve("n", "MAE", "eV/Å", ("m",), points, None, 9, {}, None, (), "So it is.")
    stream = StringIO()
    print_blocks(console(stream), make_tables(curve, curve.name))
    assert "m, N = 3: failed: out of [memory]" in stream.getvalue()
    assert re.search(r"^ *3 +- *$", stream.getvalue(), re.MULTILINE)
    _, axis = new_axes(4.2)
    draw_curve(axis, curve, OTHER)
    assert len(axis.containers) == 1


def test_the_figure_holds_the_numbers(fixed, tuned):
    for curve in (fixed, tuned):
        _, axis = new_axes(4.2)
        draw_curve(axis, curve, OTHER)
        assert axis.get_xscale() == axis.get_yscale() == "log"
        assert axis.get_title() == curve.name
        assert axis.get_xticks().tolist() == list(SIZES)
        drawn = dict(zip(curve.methods, axis.containers, strict=True))
        for method, container in drawn.items():
            line, _, (bars,) = container
            assert line.get_ydata() == pytest.approx(means(curve, method))
            assert line.get_xdata() == pytest.approx(SIZES, rel=0.05)
            for p, segment in zip(curve.points_of(method), bars.get_segments(), strict=True):
                low, high = segment[:, 1]
                assert high == pytest.approx(p.mean + p.spread)
                assert low == pytest.approx(max(p.mean - p.spread, min(p.errors)))
        markers = {container[0].get_marker() for container in drawn.values()}
        assert len(markers) == 2
        levels = {line.get_label(): line.get_ydata()[0] for line in axis.lines}
        assert levels["zero-shot"] == curve.zero_shot
        assert levels["target 0.05 eV, the N needed ringed"] == 0.05
        rings = [line for line in axis.lines if line.get_markerfacecolor() == "none"]
        assert [line.get_xdata()[0] for line in rings] == [x.n for x in curve.needed if x.n]
