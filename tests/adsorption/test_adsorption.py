"""Adsorption energies: planted errors are found exactly, failures are rows, the volcano is read."""

from __future__ import annotations

import dataclasses
import itertools
import runpy
from pathlib import Path

import numpy as np
import pytest
from adsorption_sites import REFERENCE, Planted, make_site, make_sites
from ase import Atoms
from ase.calculators.calculator import InputError
from scipy.stats import norm

from mlipcheck.checks.adsorption.compare import adsorption_energies
from mlipcheck.checks.adsorption.record import AdsorptionComparison
from mlipcheck.references import adsorption as references
from mlipcheck.references.adsorption import AdsorptionSite, hydrogen_sites
from mlipcheck.storage import from_plain, to_plain


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def test_planted_errors_are_found_exactly():
    errors = dict(zip(REFERENCE, [0.1, -0.05, 0.3, -0.2, 0.04, 0.07, -0.12], strict=True))
    found = adsorption_energies(Planted(errors), make_sites())
    e = np.array(list(errors.values()))
    assert [s.name for s in found.sites] == list(REFERENCE)
    assert [s.error for s in found.sites] == pytest.approx(list(e))
    assert [s.model - s.reference for s in found.sites] == pytest.approx(list(e))
    assert found.mae == pytest.approx(0.88 / 7)
    assert found.bias == pytest.approx(0.14 / 7)
    x = np.array(list(REFERENCE.values()))
    assert found.pearson_r == pytest.approx(np.corrcoef(x, x + e)[0, 1])
    # by hand: -0.44, -0.55, 0.10, -0.54, -0.26, 0.08, 0.28 rank 3 1 6 2 4 5 7, PBE's 1 2 5 3 4 6 7
    assert found.spearman == pytest.approx(1 - 6 * (4 + 1 + 1 + 1 + 0 + 1 + 0) / (7 * 48))
    # Pt, Ir, Ag: -0.44, -0.54, 0.08 rank 2 1 3, PBE's 1 2 3
    assert found.spearman_metals == pytest.approx(0.5)
    # three pairs on Pt, one each on Ir and Ag
    assert found.sigma_sites == pytest.approx(rms([0.15, 0.20, 0.35, 0.24, 0.19]))
    assert found.sigma_metals == pytest.approx(rms([0.30, 0.03, 0.27]))
    assert (found.failures, found.environment) == (0, "vacuum")
    # the rms over all pairs is √2 times the standard deviation with n - 1
    assert found.sigma_metals == pytest.approx(np.sqrt(2) * np.std([0.1, -0.2, 0.07], ddof=1))


def test_neither_the_order_nor_the_sign_of_a_pair_matters():
    errors = {"Pt fcc": 0.1, "Pt hcp": -0.05, "Ir fcc": -0.2, "Ag fcc": 0.07}
    one = adsorption_energies(Planted(errors), make_sites())
    other = adsorption_energies(Planted(errors), make_sites(tuple(REFERENCE)[::-1]))
    assert one.volcano == other.volcano
    for name in ("mae", "bias", "pearson_r", "spearman", "sigma_sites", "sigma_metals"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))


def test_a_shift_of_each_metal_is_no_error_between_its_sites():
    shifts = {"Pt": 0.3, "Ir": -0.1, "Ag": 0.0}
    found = adsorption_energies(
        Planted({name: shifts[name.split()[0]] for name in REFERENCE}), make_sites()
    )
    assert found.sigma_sites == pytest.approx(0, abs=1e-9)
    assert found.sigma_metals == pytest.approx(rms([0.4, 0.3, 0.1]))


def test_a_shift_of_all_is_a_bias_and_no_spread():
    found = adsorption_energies(Planted(dict.fromkeys(REFERENCE, 0.5)), make_sites())
    assert found.bias == pytest.approx(0.5)
    assert found.sigma_sites == pytest.approx(0, abs=1e-9)
    assert found.sigma_metals == pytest.approx(0, abs=1e-9)
    assert found.pearson_r == pytest.approx(1)
    # yet it moves Pt and Ir over the top: ΔG 0.2, 0.4, 0.75 instead of -0.3, -0.1, 0.25
    assert (found.volcano.pairs, found.volcano.pairs_right) == (3, 1)
    assert found.volcano.expected_right == pytest.approx(3)


def test_half_of_the_molecule_is_taken_off():
    class Shifted(Planted):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            if self.seen[-1] in ("free", "H2"):
                self.results["energy"] += 0.2

    found = adsorption_energies(Shifted(), make_sites())
    assert [s.error for s in found.sites] == pytest.approx([-0.1] * 7)
    assert found.sigma_sites == pytest.approx(0, abs=1e-9)


def test_each_structure_is_asked_for_once():
    calculator, done = Planted(), []
    adsorption_energies(calculator, make_sites(), progress=done.append)
    assert sorted(calculator.seen) == sorted(["free", "H2", "Pt", "Ir", "Ag", *REFERENCE])
    assert sum(done) == 12


def test_a_failing_site_is_a_row_with_the_reason():
    found = adsorption_energies(Planted({"Pt hcp": 0.2}, fails=("Pt fcc",)), make_sites())
    failed, *rest = found.sites
    assert failed.message == "slab + H: ValueError: no Pt fcc today"
    assert failed.model is failed.error is None
    assert failed.reference == REFERENCE["Pt fcc"]
    assert all(s.message is None for s in rest)
    assert found.failures == 1
    assert found.mae == pytest.approx(0.2 / 6)
    # Pt has no point on the volcano: another site of it would be another question
    assert [p.metal for p in found.volcano.points if p.model is None] == ["Pt"]
    assert found.volcano.pairs == 1
    assert found.spearman_metals is None
    assert found.sigma_sites == pytest.approx(rms([0.2, 0, 0]))


def test_a_failing_slab_takes_its_sites_and_no_others():
    found = adsorption_energies(Planted(fails=("Ir",)), make_sites())
    assert {s.metal for s in found.sites if s.message} == {"Ir"}
    assert found.sites[3].message == "slab: ValueError: no Ir today"
    assert found.failures == 2


def test_without_hydrogen_nothing_is_judged():
    found = adsorption_energies(Planted(fails=("H2", "free")), make_sites())
    assert {s.message for s in found.sites} == {"H2: ValueError: no free today"}
    assert found.failures == 7
    numbers = dataclasses.asdict(found)
    for name in ("mae", "bias", "pearson_r", "spearman", "sigma_sites", "sigma_metals"):
        assert numbers[name] is None
    assert found.volcano.neighbour_chance is None
    assert found.volcano.expected_right is None
    assert found.volcano.width == pytest.approx(0.55)  # the reference's own


def test_a_calculator_that_wants_a_cell_gets_a_box():
    found = adsorption_energies(Planted(fails=("free",)), make_sites())
    assert found.environment == "periodic box"
    assert found.mae == pytest.approx(0, abs=1e-9)


def test_two_good_sites_are_no_correlation():
    found = adsorption_energies(Planted({"Ag fcc": 0.2}), make_sites(("Pt fcc", "Ag fcc")))
    assert found.pearson_r is None
    assert found.spearman is None
    assert found.sigma_sites is None  # no two sites of one metal
    assert found.mae == pytest.approx(0.1)
    assert found.sigma_metals == pytest.approx(0.2)


def test_a_model_that_gives_one_number_has_no_correlation():
    flat = {name: 1e-12 * k - REFERENCE[name] for k, name in enumerate(REFERENCE)}
    found = adsorption_energies(Planted(flat), make_sites())
    assert np.ptp([s.model for s in found.sites]) > 0  # rounding alone, and not to be correlated
    assert found.pearson_r is None
    assert found.spearman is None


def test_the_reference_chooses_the_site():
    found = adsorption_energies(Planted({"Pt ontop": -2.0}), make_sites())
    assert {p.metal: p.site for p in found.volcano.points} == dict.fromkeys(
        ("Pt", "Ir", "Ag"), "fcc"
    )
    assert found.sigma_metals == pytest.approx(0, abs=1e-9)


def test_the_volcano_of_known_points():
    errors = {"Pt fcc": 0.25, "Ir fcc": -0.05, "Ag fcc": 0.0}
    found = adsorption_energies(Planted(errors), make_sites())
    v = found.volcano
    assert [p.metal for p in v.points] == ["Ir", "Ag", "Pt"]
    assert [p.reference for p in v.points] == pytest.approx([-0.1, 0.25, -0.3])
    assert [p.model for p in v.points] == pytest.approx([-0.15, 0.25, -0.05])
    assert v.width == pytest.approx(0.55)
    assert v.neighbour_gap == pytest.approx(0.1)  # of 0.15 and 0.05
    sigma = rms([0.30, 0.25, 0.05])
    assert v.neighbour_chance == pytest.approx(norm.cdf(0.1 / sigma))
    # Ir before Ag is kept, Pt comes first of all
    assert (v.pairs, v.pairs_right) == (3, 1)
    assert v.expected_right == pytest.approx(sum(norm.cdf(np.array([0.15, 0.2, 0.05]) / sigma)))


@pytest.mark.slow
def test_the_chance_is_what_normal_errors_do():
    """On one side of the top, Φ(δ/σ) is the share that comes out right."""
    rng = np.random.default_rng(1)
    heights = np.linspace(0.5, 1.0, 40)  # ΔG far from the top
    right = total = expected = 0.0
    for _ in range(20):
        model = heights + rng.normal(scale=0.1, size=40)
        errors = model - heights
        sigma = np.sqrt(2) * np.std(errors, ddof=1)
        for a, b in itertools.combinations(range(40), 2):
            right += model[b] > model[a]
            expected += norm.cdf((heights[b] - heights[a]) / sigma)
            total += 1
    assert right / total == pytest.approx(expected / total, abs=0.01)


def test_perfect_and_worthless_models():
    perfect = adsorption_energies(Planted(), make_sites())
    assert perfect.mae == pytest.approx(0, abs=1e-9)
    assert (perfect.pearson_r, perfect.spearman) == pytest.approx((1, 1))
    assert perfect.volcano.pairs_right == perfect.volcano.pairs == 3
    assert perfect.volcano.neighbour_chance == pytest.approx(1)
    upside_down = {name: -2 * energy for name, energy in REFERENCE.items()}
    worthless = adsorption_energies(Planted(upside_down), make_sites())
    assert (worthless.pearson_r, worthless.spearman_metals) == pytest.approx((-1, -1))


def test_inputs_that_are_none():
    with pytest.raises(InputError, match="no adsorption sites"):
        adsorption_energies(Planted(), [])
    with pytest.raises(InputError, match="Ir fcc is given twice"):
        adsorption_energies(Planted(), make_sites(("Ir fcc", "Pt fcc", "Ir fcc")))
    slab = make_site("Pt fcc", 0.0).slab
    with pytest.raises(InputError, match="Pt fcc: PtH2 is not Pt and one H"):
        AdsorptionSite("Pt", "fcc", slab, slab + Atoms("H2", [[0, 0, 7], [0, 0, 8]]), 0.0)


def test_the_record_survives_json():
    found = adsorption_energies(Planted({"Pt fcc": 0.1}, fails=("Ag fcc",)), make_sites())
    assert from_plain(AdsorptionComparison, to_plain(found)) == found


def test_the_data_set_as_published(data_dir):
    sites = {s.name: s for s in hydrogen_sites()}
    assert len(sites) == 28
    assert {s.metal for s in sites.values()} == {"Pt", "Ag", "Ir", "Au", "Pd", "Rh", "Cu"}
    assert {s.site for s in sites.values()} == {"fcc", "hcp", "bridge", "ontop"}
    assert sites["Pt fcc"].reference_energy == pytest.approx(-2.751922 + 2.27, abs=1e-9)
    for s in sites.values():
        assert s.slab.pbc.all()
        assert str(s.slab.symbols) == f"{s.metal}16"
        assert len(s.slab_with_adsorbate) == 17
        assert s.slab == sites[f"{s.metal} fcc"].slab
        assert s.slab.cell[:] == pytest.approx(s.slab_with_adsorbate.cell[:])
        # beyond the cutoff of any model, the next slab is out of sight
        assert s.slab.cell[2, 2] - np.ptp(s.slab_with_adsorbate.positions[:, 2]) > 20


@pytest.mark.slow
def test_half_an_atomization_is_that_of_the_pbe_curve(data_dir):
    from mlipcheck.references import curves

    curve = curves.find_curves("pbe", {("H", "H"): np.array([1.0])})[("H", "H")]
    depth = curve.energies[-1] - curve.energies.min()
    assert depth / 2 == pytest.approx(references.HALF_ATOMIZATION, abs=0.005)


def test_chgnet_on_the_published_sites(chgnet, data_dir):
    found = adsorption_energies(chgnet, hydrogen_sites())
    assert found.failures == 0
    assert found.mae == pytest.approx(0.131, abs=0.002)
    assert found.pearson_r == pytest.approx(0.924, abs=0.002)
    assert found.sigma_sites == pytest.approx(0.099, abs=0.003)
    # the errors of one metal are alike, those of two are not
    assert found.sigma_metals == pytest.approx(0.244, abs=0.005)
    assert found.volcano.width == pytest.approx(0.762, abs=0.001)
    assert found.volcano.neighbour_gap == pytest.approx(0.065, abs=0.001)  # the mean is 0.070
    assert found.volcano.neighbour_chance == pytest.approx(0.61, abs=0.01)
    assert (found.volcano.pairs, found.volcano.pairs_right) == (21, 15)


def test_sevennet_on_the_published_sites(sevennet, data_dir):
    found = adsorption_energies(sevennet, hydrogen_sites())
    assert found.failures == 0
    assert found.mae == pytest.approx(0.255, abs=0.002)
    assert found.pearson_r == pytest.approx(0.917, abs=0.002)
    # a good r, and yet the sites of a metal are further out of order than the metals
    assert found.sigma_sites == pytest.approx(0.322, abs=0.003)
    assert found.sigma_metals == pytest.approx(0.218, abs=0.003)


@pytest.mark.slow
def test_the_script(data_dir, monkeypatch, capsys, tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "volcano.py"
    if not script.is_file():
        pytest.skip("the benchmarks are not installed")
    options = ["--backend", "toy", "--figures", tmp_path / "figures", "--json", tmp_path / "v.json"]
    monkeypatch.setattr("sys.argv", [str(script), *map(str, options)])
    runpy.run_path(str(script), run_name="__main__")
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.strip().startswith("H on ")]
    assert len(rows) == 7
    table = [line for line in out.splitlines() if str(tmp_path) not in line]
    assert max(map(len, table)) <= 100
    assert "of 21 pairs of metals" in out
    assert (tmp_path / "figures" / "volcano.svg").is_file()
    assert (tmp_path / "v.json").stat().st_size > 1000
