"""Which of two states is lower: σ by its formula, chances that come true, and what must cancel."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from ase import Atoms
from scipy.stats import norm

from mlipcheck.checks.parity import ranking
from mlipcheck.checks.parity.ranking import compare_ranking


def compare(formulas, reference, model, difference=None, runs=None, zeros=None):
    reference, model = np.array(reference, dtype=float), np.array(model, dtype=float)
    formulas = [Atoms(formula).get_chemical_formula() for formula in formulas]
    kinds = [*zip(formulas, zeros or [""] * len(formulas), strict=True)]
    states = np.array([kinds.index(kind) for kind in kinds])
    runs = np.arange(len(kinds)) if runs is None else np.array(runs)
    return compare_ranking(states, runs, reference, model, difference)


def drawn(n, sigma=0.2, spread=1.0, seed=0):
    """Return n energies, and a model whose differences have errors of rms sigma."""
    rng = np.random.default_rng(seed)
    reference = rng.uniform(0, spread, n)
    return reference, reference + rng.normal(0, sigma / np.sqrt(2), n)


# --- σ and the chance ---------------------------------------------------------------------------


def test_sigma_is_the_rms_over_pairs():
    formulas = ["NaCl"] * 3 + ["MgO"] * 2 + ["Cu"]
    reference, model = drawn(6)
    found = compare(formulas, reference, model)
    off = model - reference
    pairs = [*itertools.combinations(range(3), 2), (3, 4)]
    expected = np.sqrt(np.mean([(off[i] - off[j]) ** 2 for i, j in pairs]))
    assert (found.states, found.compositions, found.pairs) == (5, 2, 4)
    assert found.sigma.value == pytest.approx(expected)
    assert found.resolved == pytest.approx(1.6449 * expected, rel=1e-4)
    assert found.difference is found.chance is found.observed is None


def test_planted_errors_are_recovered():
    formulas = [f"Cu{k + 1}" for k in range(40) for _ in range(25)]
    found = compare(formulas, *drawn(1000, sigma=0.2), difference=0.1)
    assert found.sigma.value == pytest.approx(0.2, rel=0.05)
    assert found.sigma.low < 0.2 < found.sigma.high
    assert found.chance == pytest.approx(norm.cdf(0.1 / found.sigma.value))
    assert found.chance == pytest.approx(norm.cdf(0.5), abs=0.01)
    assert found.observed == pytest.approx(found.chance, abs=0.02)
    assert norm.cdf(found.resolved / found.sigma.value) == pytest.approx(0.95)


@pytest.mark.slow
def test_chances_come_true_in_every_bin():
    formulas = [f"Cu{k + 1}" for k in range(100) for _ in range(30)]
    found = compare(formulas, *drawn(3000, sigma=0.3, spread=3.0))
    assert [b.low for b in found.bins] == [0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    assert [b.high for b in found.bins] == [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, None]
    assert sum(b.pairs for b in found.bins) == found.pairs == 100 * 435
    for b in found.bins:
        # pairs share states, and scatter more than independent ones would
        scatter = np.sqrt(b.expected * (1 - b.expected) / b.pairs)
        assert b.observed == pytest.approx(b.expected, abs=4 * scatter + 1e-3)
    expected = [b.expected for b in found.bins]
    assert expected == sorted(expected)
    assert expected[0] == pytest.approx(0.51, abs=0.01)
    assert expected[-1] == pytest.approx(1.0, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 30])
def test_the_interval_of_sigma_covers_it(n):
    hits = []
    for seed in range(300):
        estimate = compare(["Cu"] * n, *drawn(n, sigma=0.2, seed=seed)).sigma
        hits.append(estimate.low <= 0.2 <= estimate.high)
    assert np.mean(hits) > 0.9


# --- the observed fraction ----------------------------------------------------------------------


def test_a_case_by_hand():
    reference = [0.0, 0.1, 0.2, 0.9]
    model = [0.0, 0.3, 0.2, 0.2]
    # 0-1 right, 0-2 right, 1-2 wrong: 0.3 against 0.2; 2-3 the model cannot tell
    found = compare(["Cu"] * 4, reference, model, difference=0.1)
    assert (found.observed, found.observed_pairs) == (pytest.approx(1 / 2), 2)
    found = compare(["Cu"] * 4, reference, model, difference=0.7)
    assert (found.observed, found.observed_pairs) == (pytest.approx((1 + 0 + 0.5) / 3), 3)
    by_range = [(b.low, b.high, b.pairs, b.observed) for b in found.bins]
    assert by_range == [
        (0.05, 0.1, 2, pytest.approx(1 / 2)),
        (0.1, 0.2, 1, 1.0),
        (0.5, 1.0, 3, pytest.approx(1 / 2)),
    ]


def test_about_is_within_a_factor_of_root_two():
    reference = [0.0, 0.07, 0.1401, 1.0, 1.1415]
    found = compare(["Cu"] * 2 + ["Ni"] * 1 + ["Pt"] * 2, reference, reference, 0.1)
    assert found.observed_pairs == 0  # 0.0700 and 0.1415 are both just outside
    assert found.observed is None
    found = compare(["Cu"] * 2 + ["Pt"] * 2, [0, 0.0708, 1, 1.1413], [0, 1, 1, 2], 0.1)
    assert (found.observed, found.observed_pairs) == (1.0, 2)


def test_states_that_the_reference_cannot_tell_apart_are_in_no_bin():
    found = compare(["Cu"] * 3, [1.0, 1.0, 2.0], [1.0, 1.3, 2.0])
    assert found.pairs == 3
    assert [(b.low, b.pairs) for b in found.bins] == [(0.5, 2)]


# --- what is compared with what -----------------------------------------------------------------


def test_pairs_are_of_one_composition_and_one_zero():
    reference, model = drawn(4)
    assert compare(["NaCl", "MgO", "Cu", "Na2Cl2"], reference, model) is None
    assert compare(["Cu"] * 2, reference[:2], model[:2], zeros=["", "restart"]) is None
    found = compare(["Cu"] * 4, reference, model, zeros=["", "", "restart", "restart"])
    assert (found.states, found.compositions, found.pairs) == (4, 2, 2)
    assert compare(["NaCl", "ClNa"], reference[:2], model[:2]).pairs == 1
    assert compare([], [], []) is None


@pytest.mark.parametrize("size", [1.0, 1e5])
def test_constants_cancel(size):
    """Also those of codes with all electrons: 1e5 eV, and differences of meV."""
    formulas = ["NaCl"] * 10 + ["MgO"] * 10
    reference, model = drawn(20, sigma=0.003, spread=0.05)
    constants = size * np.repeat([-1.0, 3.0], 10)
    bare = compare(formulas, reference, model, 0.01)
    moved = compare(formulas, reference, model + constants, 0.01)
    assert moved.sigma.value == pytest.approx(bare.sigma.value, rel=1e-6)
    assert (moved.sigma.low, moved.sigma.high) == pytest.approx(
        (bare.sigma.low, bare.sigma.high), rel=1e-6
    )
    assert moved.observed == bare.observed
    assert [b.observed for b in moved.bins] == [b.observed for b in bare.bins]


def test_a_perfect_model():
    reference, _ = drawn(6)
    found = compare(["Cu"] * 6, reference, reference, 0.1)
    assert found.sigma.value == found.resolved == 0
    assert found.chance == 1
    assert all(b.observed == b.expected == 1 for b in found.bins)


def test_an_upside_down_model_is_worse_than_a_coin():
    reference, _ = drawn(20)
    found = compare(["Cu"] * 20, reference, -reference, 0.2)
    assert found.observed == 0
    assert all(b.observed == 0 for b in found.bins)


# --- intervals and size -------------------------------------------------------------------------


def test_one_run_has_no_interval():
    reference, model = drawn(8)
    alone = compare(["Cu"] * 8, reference, model, runs=["run"] * 8)
    assert (alone.sigma.low, alone.sigma.high) == (None, None)
    apart = compare(["Cu"] * 8, reference, model)
    assert apart.sigma.value == alone.sigma.value
    assert apart.sigma.low < apart.sigma.value < apart.sigma.high


def test_the_interval_leaves_out_whole_runs():
    formulas = ["Cu"] * 9 + ["Ni"] * 6
    runs = list("aaabbbccc" + "aabbcc")
    reference, model = drawn(15)
    found = compare(formulas, reference, model, runs=runs).sigma
    left = []
    for run in "abc":
        kept = [k for k in range(15) if runs[k] != run]
        one = compare([formulas[k] for k in kept], reference[kept], model[kept])
        left.append(np.log(one.sigma.value))
    error = np.sqrt(2 / 3 * np.sum((left - np.mean(left)) ** 2))
    half = 4.30265 * error  # t of 2 degrees of freedom
    assert found.low == pytest.approx(found.value * np.exp(-half), rel=1e-4)
    assert found.high == pytest.approx(found.value * np.exp(half), rel=1e-4)


@pytest.mark.slow
def test_a_large_group_is_thinned_and_keeps_sigma(monkeypatch):
    reference, model = drawn(2000)
    whole = compare(["Cu"] * 2000, reference, model)
    monkeypatch.setattr(ranking, "MAX_PAIRS", 80_000)
    thinned = compare(["Cu"] * 2000, reference, model)
    assert whole.pairs == 1_999_000
    assert thinned.pairs <= 80_000
    assert thinned.states == 400
    assert thinned.sigma.value == pytest.approx(whole.sigma.value, rel=0.1)


def test_a_larger_difference_that_is_not_resolved_counts():
    from mlipcheck.analysis.statistics import Estimate
    from mlipcheck.checks.parity.record import Parity, Ranking, RankingBin
    from mlipcheck.verdict import judge

    bins = (
        RankingBin(0.02, 0.05, 40, 0.2, 0.6),  # smaller than asked about
        RankingBin(0.2, 0.5, 14, 0.14, 0.9),
        RankingBin(0.5, 1.0, 9, 0.0, 0.9),  # too few
    )
    order = Ranking(
        10, 1, 63, Estimate(0.2), None, "planted", 0.1, 0.7, observed=1.0, observed_pairs=27
    )
    for seen, status, value in (
        (bins, "fail", "14 % of 14 pairs 0.2 to 0.5 eV apart"),
        (bins[:1], "ok", "100 % of 27 pairs about 0.1 eV apart"),
    ):
        row = Parity("mine", ranking=dataclasses.replace(order, bins=seen))
        (found,) = [f for f in judge({"parity": [row]}) if f.quantity == "ranking accuracy"]
        assert (found.status, found.value) == (status, value)


@pytest.mark.parametrize(
    ("observed", "pairs", "status"),
    [(1.0, 10, "not assessed"), (1.0, 19, "not assessed"), (1.0, 20, "ok"), (0.9, 10, "caution")],
)
def test_a_few_pairs_do_not_show_that_one_in_twenty_is_wrong(observed, pairs, status):
    from mlipcheck.analysis.statistics import Estimate
    from mlipcheck.checks.parity.record import Parity, Ranking
    from mlipcheck.verdict import judge

    order = Ranking(
        10, 1, 45, Estimate(0.2), None, "planted", 0.1, 0.7, observed, observed_pairs=pairs
    )
    findings = judge({"parity": [Parity("mine", ranking=order)]})
    (found,) = [f for f in findings if f.quantity == "ranking accuracy"]
    assert found.status == status
    assert (f"all of {pairs} pairs" in found.value) == (status == "not assessed")
