"""One factor on all forces: recovered where that is what is wrong, refused where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from reduced_frames import reduced_forces

from mlipcheck.checks.parity.forces import fit_factor


def drawn(n=20, seed=0, scale=0.5):
    return list(np.random.default_rng(seed).normal(0, scale, (n, 6, 3)))


def planted(reference, factor, noise, seed=1):
    """Return forces of ``factor`` times the truth, with noise in eV/Å on every component."""
    rng = np.random.default_rng(seed)
    return [factor * F + rng.normal(0, noise, F.shape) for F in reference]


def fit(reference, model, groups=None):
    names = [str(k) for k in range(len(reference))]
    symbols = [["Cu"] * len(F) for F in reference]
    return fit_factor(reduced_forces(names, groups or names, symbols, reference, model))


def why(found):
    assert not found.accepted
    return "; ".join(found.refused)


# --- accepted -----------------------------------------------------------------------------------


def test_a_soft_model_is_corrected():
    reference = drawn()
    noise = 0.05 * 0.7 * 0.5  # 5 % of its forces
    found = fit(reference, planted(reference, 0.7, noise))
    assert found.factor == pytest.approx(1 / 0.7, rel=0.01)
    assert found.accepted
    assert found.refused == ()
    assert found.groups == 20
    assert (found.mae_improved, found.rmse_improved) == (1, 1)
    assert found.r_squared == pytest.approx(1 / (1 + 0.05**2), abs=1e-3)
    # what is left is the noise, made larger
    assert found.rescaled_rmse == pytest.approx(noise / 0.7, rel=0.1)
    assert found.rmse == pytest.approx(0.3 * 0.5, rel=0.1)
    assert found.rescaled_mae < 0.2 * found.mae


def test_a_stiff_model_too():
    reference = drawn()
    found = fit(reference, planted(reference, 1.3, 0.01))
    assert found.factor == pytest.approx(1 / 1.3, rel=0.01)
    assert found.accepted


def test_it_makes_the_error_least_and_one_over_s_lo_does_not():
    reference = drawn()
    model = planted(reference, 0.7, 0.25)
    F, f = np.ravel(reference), np.ravel(model)

    def rmse(k):
        return np.sqrt(np.mean((k * f - F) ** 2))

    k = fit(reference, model).factor
    assert k == pytest.approx((f @ F) / (f @ f))
    assert rmse(k) < min(rmse(0.99 * k), rmse(1.01 * k))
    tempting = (F @ F) / (f @ F)
    assert tempting == pytest.approx(1 / 0.7, rel=0.1)
    assert k < 0.8 * tempting
    assert rmse(tempting) > rmse(1) > rmse(k)  # worse than to leave it as it is


# --- refused ------------------------------------------------------------------------------------


def test_noise_is_not_corrected_by_a_factor():
    reference = drawn()
    found = fit(reference, planted(reference, 0.0, 0.5))
    assert "a factor leaves too much of the error" in why(found)
    assert found.r_squared < 0.1


def test_softness_under_much_noise_is_refused_though_errors_fall():
    reference = drawn()
    found = fit(reference, planted(reference, 0.4, 0.1))
    assert found.rmse_improved >= 0.95
    assert 0.5 < found.r_squared < 0.9
    assert found.refused == (
        f"R² is {found.r_squared:.2f}, 0.9 needed: a factor leaves too much of the error",
    )


def test_one_run_leaves_nothing_to_judge_by():
    reference = drawn()
    model = planted(reference, 0.7, 0.0)
    found = fit(reference, model, ["run"] * 20)
    assert found.factor == pytest.approx(1 / 0.7)
    assert found.groups == 1
    assert "all frames are of one run: 5 independent ones are needed" in why(found)


def test_one_run_with_forces_among_several_is_not_all_of_one_run():
    rest = drawn(5, scale=1e-3)
    found = fit([*rest, *drawn(1)], [*rest, *planted(drawn(1), 0.7, 0.01)])
    assert found.groups == 1
    assert why(found).startswith("1 group: 5 independent ones are needed")


@pytest.mark.parametrize("n", [2, 3, 4])
def test_few_groups_are_never_enough(n):
    """An exact factor, whose every fold gets better, is refused all the same."""
    reference = drawn(4 * n)
    found = fit(reference, planted(reference, 0.7, 0.0), [str(k % n) for k in range(4 * n)])
    assert (found.groups, found.mae_improved, found.r_squared) == (n, 1, pytest.approx(1))
    assert found.refused[0].startswith(f"{n} groups: 5 independent ones are needed")
    assert fit(reference, planted(reference, 0.7, 0.0), [str(k % 5) for k in range(4 * n)]).accepted


@pytest.mark.parametrize("factor", [1.0, 1.005, 0.995])
def test_a_factor_of_one_is_no_use(factor):
    reference = drawn()
    found = fit(reference, [factor * F for F in reference])
    assert found.factor == pytest.approx(1 / factor)
    assert "there is nothing to rescale" in why(found)


def test_forces_are_not_reversed():
    reference = drawn()
    found = fit(reference, planted(reference, -0.7, 0.01))
    assert found.factor == pytest.approx(-1 / 0.7, rel=0.01)
    assert found.rmse_improved == 1
    assert found.refused == (f"the factor is {found.factor:.2f}: forces would be reversed",)


def test_a_factor_that_most_structures_do_not_want_is_refused():
    """The strongest forces set the factor; three structures in twenty need none."""
    reference = [F * (10 if k > 2 else 1) for k, F in enumerate(drawn())]
    model = [F * (0.7 if k > 2 else 1) for k, F in enumerate(reference)]
    found = fit(reference, model)
    assert found.r_squared > 0.99
    assert found.mae_improved == pytest.approx(0.85)
    assert found.rmse_improved == pytest.approx(0.85)
    assert found.refused == (
        "held-out errors fall in 85 % (MAE) and 85 % (RMSE) of 20 folds, 95 % needed",
    )


def test_errors_must_fall_both_ways():
    """Three structures in twenty have one strong force, and right: their RMSE rises."""
    reference = drawn()
    model = [0.7 * F for F in reference]
    for F, f in zip(reference[:3], model, strict=False):
        F[0, 0] = f[0, 0] = 2.5
    found = fit(reference, model)
    assert (found.mae_improved, found.rmse_improved) == pytest.approx((1, 0.85))
    assert "fall in 100 % (MAE) and 85 % (RMSE) of 20 folds, 95 % needed" in why(found)


# --- what is left out ---------------------------------------------------------------------------


def test_each_group_is_judged_by_the_factor_of_the_others():
    reference = drawn(7)
    model = [f * s for f, s in zip(planted(reference, 0.7, 0.2), range(1, 8), strict=True)]
    groups = list("aabcdde")
    found = fit(reference, model, groups)
    before, after, sizes = [], [], []
    for group in "abcde":
        inside = [k for k in range(7) if groups[k] == group]
        F, f = (np.concatenate([x[k].ravel() for k in inside]) for x in (reference, model))
        outside = [k for k in range(7) if groups[k] != group]
        F0, f0 = (np.concatenate([x[k].ravel() for k in outside]) for x in (reference, model))
        k = (f0 @ F0) / (f0 @ f0)
        before.append((np.abs(f - F).mean(), np.sqrt(((f - F) ** 2).mean())))
        after.append((np.abs(k * f - F).mean(), np.sqrt(((k * f - F) ** 2).mean())))
        sizes.append(len(F))
    before, after = np.array(before), np.array(after)
    assert found.groups == 5
    assert (found.mae_improved, found.rmse_improved) == tuple((after < before).mean(axis=0))
    assert found.mae == pytest.approx(np.average(before[:, 0], weights=sizes))
    assert found.rescaled_mae == pytest.approx(np.average(after[:, 0], weights=sizes))
    assert found.rmse**2 == pytest.approx(np.average(before[:, 1] ** 2, weights=sizes))
    assert found.rescaled_rmse**2 == pytest.approx(np.average(after[:, 1] ** 2, weights=sizes))


def test_one_group_that_dominates_does_not_judge_itself():
    reference = drawn(2)
    reference[0] = 100 * reference[0]
    model = [0.5 * reference[0], 2.0 * reference[1]]
    found = fit(reference, model)
    assert found.factor == pytest.approx(2, rel=1e-2)
    assert found.mae_improved == 0  # each wants what the other does not


def test_crystals_without_forces_have_no_vote():
    """By symmetry some have none, and a factor can only make rounding larger."""
    reference = drawn()
    model = planted(reference, 0.7, 0.02)
    still = [np.zeros((6, 3))] * 5
    rounding = list(np.random.default_rng(2).normal(0, 1e-7, (5, 6, 3)))
    found = fit(reference + still, model + rounding)
    assert found.accepted
    assert (found.groups, found.mae_improved) == (20, 1)
    # forces where there are none are an error, and count
    assert not fit(reference + still, model + drawn(5, seed=3, scale=0.3)).accepted


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_factor_that_the_others_cannot_give(where):
    """The model has forces in one structure alone: without it there is nothing to fit."""
    reference = drawn(3)
    model = [0.7 * F if k == where else 0 * F for k, F in enumerate(reference)]
    found = fit(reference, model)
    assert found.factor == pytest.approx(1 / 0.7)
    assert found.mae_improved == found.rmse_improved == 0
    assert found.rescaled_mae == pytest.approx(found.mae)
    assert not found.accepted


def test_no_forces_at_all():
    assert fit(drawn(), [np.zeros((6, 3))] * 20) is None
    assert fit([np.zeros((6, 3))] * 20, drawn()) is None
