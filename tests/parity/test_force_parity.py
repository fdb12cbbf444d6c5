"""Forces against forces: formulas evaluated here, planted slopes, what is too little to judge."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase.data import chemical_symbols
from hypothesis import given, settings
from hypothesis import strategies as st
from reduced_frames import reduced_forces

from mlipcheck.analysis.statistics import jackknife, sum_by_group
from mlipcheck.checks.parity.forces import MAX_SHOWN, compare_forces
from mlipcheck.checks.parity.record import Parity
from mlipcheck.verdict import judge

SYMBOLS = ["Na", "Na", "Cl", "O"]
NUMBERS = ("component_mae", "reference_rms", "largest_share", "atoms", "groups", "frames")
ESTIMATES = ("mae", "s_lo", "s_hi", "r_squared", "magnitude")


def drawn(n=8, seed=0, scale=0.5):
    """Return forces on the four atoms of each of n frames."""
    return list(np.random.default_rng(seed).normal(0, scale, (n, 4, 3)))


def compare(reference, model, groups=None, **options):
    names = [f"frame {k}" for k in range(len(reference))]
    symbols = [SYMBOLS[: len(F)] for F in reference]
    frames = reduced_forces(names, groups or names, symbols, reference, model)
    return compare_forces(frames, **options)


def noisy(reference, factor=0.8, noise=0.1, seed=1):
    rng = np.random.default_rng(seed)
    return [factor * F + rng.normal(0, noise, F.shape) for F in reference]


def test_every_number_by_its_formula():
    reference = drawn()
    model = noisy(reference)
    found = compare(reference, model)
    F, f = np.ravel(reference), np.ravel(model)
    apart = np.sqrt(((f - F).reshape(-1, 3) ** 2).sum(axis=1))
    assert (found.frames, found.atoms, found.groups) == (8, 32, 8)
    assert found.mae.value == pytest.approx(apart.mean())
    assert found.component_mae == pytest.approx(np.abs(f - F).mean())
    assert found.reference_rms == pytest.approx(np.sqrt((F**2).mean()))
    assert found.s_lo.value == pytest.approx((f @ F) / (F @ F))
    assert found.s_hi.value == pytest.approx((f @ f) / (f @ F))
    assert found.r_squared.value == pytest.approx((f @ F) ** 2 / (F @ F) / (f @ f))
    assert found.magnitude.value == pytest.approx(np.linalg.norm(f) / np.linalg.norm(F))
    own = [np.vdot(m, r) / np.vdot(r, r) for m, r in zip(model, reference, strict=True)]
    assert found.medians.s_lo.value == pytest.approx(np.median(own))
    assert found.median_frames == 8
    for name in ("s_lo", "s_hi", "r_squared", "magnitude"):
        assert getattr(found.slope, name) == pytest.approx(getattr(found, name).value)
        assert getattr(found, name).low < getattr(found, name).value < getattr(found, name).high
    np.testing.assert_array_equal(found.reference_sample, F)
    np.testing.assert_array_equal(found.model_sample, f)


def test_the_interval_is_that_of_whole_frames():
    reference = drawn()
    model = noisy(reference)
    by_frame = [(np.vdot(f, F), np.vdot(F, F)) for f, F in zip(model, reference, strict=True)]
    expected = jackknife(lambda s: s[..., 0] / s[..., 1], np.array(by_frame))
    found = compare(reference, model)
    assert dataclasses.astuple(found.s_lo) == pytest.approx(dataclasses.astuple(expected))
    runs = list("aaabbbcc")
    expected = jackknife(lambda s: s[..., 0] / s[..., 1], sum_by_group(np.array(by_frame), runs))
    found = compare(reference, model, runs)
    assert dataclasses.astuple(found.s_lo) == pytest.approx(dataclasses.astuple(expected))


@pytest.mark.parametrize(
    ("factor", "noise", "word"),
    [
        (0.7, 0.0, "soft"),
        (0.7, 0.05, "soft"),
        (1.3, 0.05, "stiff"),
        (0.0, 0.5, "uncorrelated"),
        (0.7, 0.5, "uncorrelated"),
        (-0.7, 0.05, "reversed"),
        (-0.7, 1.0, "uncorrelated"),
    ],
)
def test_the_word(factor, noise, word):
    reference = drawn(40)
    found = compare(reference, noisy(reference, factor, noise))
    assert found.slope.word == word
    assert found.s_lo.value == pytest.approx(factor, abs=0.1)
    assert found.medians.s_lo.value == pytest.approx(factor, abs=0.1)


def test_an_exact_factor_is_known_for_certain():
    reference = drawn()
    found = compare(reference, [0.7 * F for F in reference])
    for name in ("s_lo", "s_hi", "magnitude"):
        for group in (found, found.medians):
            assert dataclasses.astuple(getattr(group, name)) == pytest.approx((0.7, 0.7, 0.7))
    assert found.r_squared.value == pytest.approx(1)


def test_a_perfect_model():
    found = compare(drawn(), drawn())
    assert (found.mae.value, found.component_mae) == (0, 0)
    assert found.s_lo.value == pytest.approx(1)
    assert found.magnitude.value == pytest.approx(1)
    assert all(group.mae.value == 0 for group in (*found.by_element, *found.by_magnitude))


def test_groups_part_all_atoms():
    sizes = np.geomspace(0.01, 30, 48)  # |F| of each atom, over every range
    ways = np.random.default_rng(3).normal(size=(48, 3))
    F = sizes[:, None] * ways / np.linalg.norm(ways, axis=1, keepdims=True)
    reference = list(np.random.default_rng(4).permutation(F).reshape(12, 4, 3))
    model = [F.copy() for F in reference]
    for f in model:
        f[2] *= 0.5  # Cl alone is soft
    found = compare(reference, model)
    assert [(g.name, g.atoms) for g in found.by_element] == [("Cl", 12), ("Na", 24), ("O", 12)]
    names = ["< 0.1", "0.1 to 0.3", "0.3 to 1", "1 to 3", "3 to 10", "> 10"]
    assert [g.name for g in found.by_magnitude] == names
    limits = [0, 0.1, 0.3, 1, 3, 10, np.inf]
    assert [g.atoms for g in found.by_magnitude] == np.histogram(sizes, limits)[0].tolist()
    for groups in (found.by_element, found.by_magnitude):
        assert sum(g.atoms for g in groups) == found.atoms == 48
        assert sum(g.atoms * g.mae.value for g in groups) / 48 == pytest.approx(found.mae.value)
    chlorine, sodium, oxygen = found.by_element
    assert (chlorine.slope.s_lo, chlorine.slope.word) == (pytest.approx(0.5), "soft")
    assert sodium.slope.s_lo == pytest.approx(1)
    assert oxygen.slope.s_lo == pytest.approx(1)


def test_a_frame_that_dominates_is_named():
    reference = drawn(9)
    reference[5] = reference[5] * 20
    model = [F * (0.9 if k == 5 else 0.4) for k, F in enumerate(reference)]
    found = compare(reference, model)
    squares = [np.sum(F**2) for F in reference]
    assert found.largest_frame == "frame 5"
    assert found.largest_share == pytest.approx(squares[5] / sum(squares))
    assert found.largest_share > 0.9
    assert found.s_lo.value > 0.85
    assert found.medians.s_lo.value == pytest.approx(0.4)  # what the other eight say


def test_only_frames_with_forces_count_in_the_median():
    reference = drawn(4) + [1e-3 * F for F in drawn(6, seed=5)]
    model = [0.8 * F for F in reference[:4]] + [3 * F for F in reference[4:]]
    found = compare(reference, model)
    assert found.median_frames == 4
    assert found.medians.s_lo.value == pytest.approx(0.8)
    assert compare(reference[4:], model[4:]).medians is None


# --- too little to judge ------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.0, 1e-12, 0.08])
def test_forces_too_small_for_a_slope(scale):
    found = compare(drawn(scale=scale), drawn(seed=1))
    assert found.slope is None
    assert all(getattr(found, name) is None for name in ESTIMATES[1:])
    assert found.medians is None
    assert all(g.slope is None for g in (*found.by_element, *found.by_magnitude))
    assert found.mae.low < found.mae.value < found.mae.high
    assert (found.largest_share == 0) == (scale == 0)


def test_a_model_without_forces():
    reference = drawn()
    found = compare(reference, [np.zeros((4, 3))] * 8)
    assert found.s_lo.value == found.magnitude.value == found.slope.s_lo == 0
    assert found.s_hi is found.r_squared is None
    assert found.slope.word == "uncorrelated"
    assert found.mae.value == pytest.approx(
        np.linalg.norm(np.concatenate(reference), axis=1).mean()
    )


def test_one_frame_with_all_the_forces():
    """Without it there is no slope, and so no interval of one."""
    reference = [np.zeros((4, 3)), *drawn(1), np.zeros((4, 3))]
    found = compare(reference, [0.7 * F for F in reference])
    assert dataclasses.astuple(found.s_lo) == (pytest.approx(0.7), None, None)
    assert found.largest_share == 1


def test_one_atom():
    found = compare([np.array([[0.3, 0, 0]])], [np.array([[0.2, 0, 0]], dtype=np.float32)])
    assert found.s_lo.value == pytest.approx(2 / 3)
    assert found.s_lo.low is found.mae.low is None


# --- what must not matter -----------------------------------------------------------------------


def test_frames_of_one_run_count_once():
    reference = drawn(6)
    model = noisy(reference)
    alone = compare(reference, model)
    shared = compare(reference, model, list("aabcde"))
    assert (alone.groups, shared.groups) == (6, 5)
    assert shared.s_lo.value == pytest.approx(alone.s_lo.value)
    assert shared.s_lo.low != alone.s_lo.low
    one = compare(reference, model, ["run"] * 6)
    assert (one.groups, one.s_lo.low, one.mae.low, one.medians.s_lo.low) == (1, None, None, None)
    # frames read twice, as one run, are no more certain than once
    twice = compare(reference * 2, model * 2, [*"abcdef", *"abcdef"])
    for name in ("low", "value", "high"):
        assert getattr(twice.s_lo, name) == pytest.approx(getattr(alone.s_lo, name))


@pytest.mark.slow
@given(st.permutations(range(8)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_frames_does_not_matter(order):
    reference = drawn()
    model = noisy(reference)
    groups = list("abbcdefg")
    names = [f"frame {k}" for k in range(8)]
    before, after = (
        compare_forces(
            reduced_forces(
                *([x[k] for k in o] for x in (names, groups, [SYMBOLS] * 8, reference, model))
            )
        )
        for o in (range(8), order)
    )
    for name in NUMBERS:
        assert getattr(after, name) == pytest.approx(getattr(before, name))
    for name in ESTIMATES:
        old, new = (dataclasses.astuple(getattr(x, name)) for x in (before, after))
        assert new == pytest.approx(old)
    assert after.largest_frame == before.largest_frame
    for old, new in zip(
        (*before.by_element, *before.by_magnitude),
        (*after.by_element, *after.by_magnitude),
        strict=True,
    ):
        assert (new.name, new.atoms) == (old.name, old.atoms)
        assert new.mae.value == pytest.approx(old.mae.value)


@pytest.mark.slow
def test_a_figure_gets_a_seeded_draw_of_pairs():
    reference = drawn(400)
    model = [0.7 * F for F in reference]
    one, same, other = (compare(reference, model, seed=s) for s in (1, 1, 2))
    assert len(one.reference_sample) == MAX_SHOWN < 4800
    assert one.model_sample == pytest.approx(0.7 * one.reference_sample)
    np.testing.assert_array_equal(one.reference_sample, same.reference_sample)
    assert (one.reference_sample != other.reference_sample).any()


# --- what is judged -----------------------------------------------------------------------------


def judged(found, quantity):
    (finding,) = [
        f for f in judge({"parity": [Parity("mine", forces=found)]}) if f.quantity == quantity
    ]
    return finding


def quantities(found):
    return {f.quantity for f in judge({"parity": [Parity("mine", forces=found)]})}


def test_errors_at_rest_are_judged_by_their_size():
    """As at any minimum: two noises about zero, R² of nothing, and no harm."""
    reference = drawn(8, scale=0.006)
    found = compare(reference, [F + d for F, d in zip(reference, drawn(8, 5, 0.007), strict=True)])
    assert found.reference_rms < 0.01
    assert judged(found, "force error at rest").status == "ok"
    assert judged(found, "forces").status == "not assessed"
    assert not quantities(found) & {"softening", "softening of one element"}
    for scale, status in ((0.05, "caution"), (0.5, "fail")):
        off = compare(
            reference, [F + d for F, d in zip(reference, drawn(8, 5, scale), strict=True)]
        )
        finding = judged(off, "force error at rest")
        assert (finding.status, finding.decides, finding.hints) == (status, (), ("relax",))
    # above the floor it is no question
    assert "force error at rest" not in quantities(compare(drawn(), drawn()))


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 400, 1500, 4000])
@pytest.mark.parametrize("whole", [True, False])
def test_one_wrong_label_does_not_call_a_set_soft(n, whole):
    """One times 30, a frame or a component of one, in a set that is exact."""
    model = drawn(n)
    reference = [f.copy() for f in model]
    if whole:
        reference[n // 3] *= 30
    else:
        reference[n // 3][1, 2] *= 30
    found = compare(reference, model)
    softening = judged(found, "softening")
    assert softening.status in ("ok", "not assessed")
    assert "soft" not in softening.value
    assert judged(found, "forces").status != "fail"


def test_softness_of_all_frames_is_found_beside_a_frame_that_dominates():
    reference = drawn(12)
    model = [0.6 * F for F in reference]
    reference[4], model[4] = 30 * reference[4], 30 * reference[4]
    finding = judged(compare(reference, model), "softening")
    assert (finding.status, finding.number) == ("fail", pytest.approx(40))
    assert "slope 0.600, soft (median of 12 frames with forces > 0.1)" in finding.value
    # of one run there is no interval: a fail has to be twice as clear
    once = compare(reference, model, ["run"] * 12)
    assert judged(once, "softening").status == "caution"


def test_a_median_does_not_hide_frames_that_are_off_both_ways():
    """As of an alloy: too soft at one end, too stiff at the other."""
    reference = drawn(12)
    model = [(0.75 if k % 2 else 1.25) * F for k, F in enumerate(reference)]
    reference[4], model[4] = 30 * reference[4], 30 * reference[4]
    finding = judged(compare(reference, model), "softening")
    assert (finding.status, finding.number) == ("caution", pytest.approx(25))
    assert "half of the frames more than 25 % off" in finding.value


@pytest.mark.parametrize(
    ("factor", "status"),
    [
        (-1.0, "fail"),
        (0.6, "fail"),
        (0.8, "caution"),
        (0.95, "ok"),
        (1.2, "caution"),
        (1.5, "fail"),
    ],
)
def test_an_exact_factor_is_judged_by_its_size(factor, status):
    found = compare(drawn(12), [factor * F for F in drawn(12)])
    finding = judged(found, "softening")
    assert (finding.status, finding.number) == (status, pytest.approx(100 * abs(factor - 1)))
    assert judged(found, "forces").status == ("fail" if factor < 0 else "ok")


def test_no_frame_but_one_has_forces_to_judge():
    reference = [*drawn(1, scale=3.0), *drawn(9, seed=4, scale=0.01)]
    finding = judged(compare(reference, [0.5 * F for F in reference]), "forces")
    assert finding.status == "not assessed"
    assert "few others have forces" in finding.value


@pytest.mark.parametrize(("n", "status"), [(4, None), (5, "fail"), (40, "fail")])
def test_one_element_is_judged_where_enough_groups_have_it(n, status):
    reference = drawn(n)
    model = [F.copy() for F in reference]
    for f in model:
        f[2] *= 0.5  # Cl alone is soft
    found = compare(reference, model)
    if status is None:
        assert "softening of one element" not in quantities(found)
        return
    finding = judged(found, "softening of one element")
    assert (finding.status, finding.value) == (
        status,
        "Cl at least 50 % off (slope 0.50 [0.50, 0.50])",
    )


@pytest.mark.slow
def test_no_element_of_many_fails_by_chance():
    """Forces with tails, thirty elements in few frames each, and errors that go no way."""
    symbols = [chemical_symbols[k] for k in range(1, 31)]
    worst = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        inside = [rng.choice(symbols, 4, replace=False).tolist() for _ in range(80)]
        reference = list(0.3 * rng.standard_t(2.5, (80, 4, 3)))
        model = [F + 0.2 * rng.standard_t(2.5, F.shape) for F in reference]
        names = [str(k) for k in range(80)]
        found = compare_forces(reduced_forces(names, names, inside, reference, model))
        worst.append(max(abs(g.s_lo.value - 1) for g in found.by_element if g.s_lo))
        assert judged(found, "softening of one element").status == "ok"
    assert np.median(worst) > 0.3


def test_a_fail_needs_its_whole_interval_beyond_the_limit():
    rng = np.random.default_rng(2)
    reference = drawn(8)
    each = rng.normal(0.62, 0.15, 8)
    found = compare(reference, [s * F for s, F in zip(each, reference, strict=True)])
    finding = judged(found, "softening")
    assert finding.number > 30
    assert finding.status == "caution"
