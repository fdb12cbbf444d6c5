"""Adsorption: planted errors are found exactly, failures are rows, the volcano is read."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from adsorption_sites import REFERENCE, Planted, make_site, make_sites
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.io import write
from checking import check_up
from scipy.stats import norm

from mlipcheck.checks.adsorption import check as module
from mlipcheck.checks.adsorption.check import Adsorption, adsorption_energies, read_energies
from mlipcheck.checks.adsorption.record import (
    AdsorptionEnergy,
    MetalAdsorption,
    Volcano,
    read_volcano,
    spread,
)
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.record import Model, RunRecord
from mlipcheck.references import metals as references
from mlipcheck.references.metals import AdsorptionSite, hydrogen_sites
from mlipcheck.storage import from_plain, to_plain
from mlipcheck.system import Settings
from mlipcheck.uses import ELEMENTS

ONLY = Settings(only=("adsorption",))


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def rows(errors=(), fails=()):
    """The rows of Pt, Ir and Ag with planted errors."""
    calculator = Planted(errors, fails=fails)
    found = []
    for metal, names in itertools.groupby(REFERENCE, lambda name: name[:2]):
        found.append(MetalAdsorption(metal, adsorption_energies(calculator, make_sites(names))))
    return found


def test_planted_errors_are_found_exactly():
    errors = dict(zip(REFERENCE, [0.1, -0.05, 0.3, -0.2, 0.04, 0.07, -0.12], strict=True))
    platinum, iridium, silver = found = rows(errors)
    sites = [s for row in found for s in row.sites]
    assert [s.name for s in sites] == list(REFERENCE)
    assert [s.model - s.reference for s in sites] == pytest.approx(list(errors.values()))
    assert platinum.mae == pytest.approx(0.15)
    assert platinum.bias == pytest.approx(0.35 / 3)
    assert platinum.sigma == pytest.approx(rms([0.15, 0.20, 0.35]))
    assert [iridium.sigma, silver.sigma] == pytest.approx([0.24, 0.19])
    # the rms over all pairs is √2 times the standard deviation with n - 1
    volcano = read_volcano(found)
    assert volcano.sigma == pytest.approx(rms([0.30, 0.03, 0.27]))
    assert volcano.sigma == pytest.approx(np.sqrt(2) * np.std([0.1, -0.2, 0.07], ddof=1))
    # neither the order nor the sign of a pair matters
    assert spread(platinum.sites[::-1]) == pytest.approx(platinum.sigma)
    assert read_volcano(found[::-1]) == volcano


def test_a_shift_of_each_metal_is_no_error_between_its_sites():
    shifts = {"Pt": 0.3, "Ir": -0.1, "Ag": 0.0}
    found = rows({name: shifts[name[:2]] for name in REFERENCE})
    assert [r.sigma for r in found] == pytest.approx([0, 0, 0], abs=1e-9)
    assert [r.bias for r in found] == pytest.approx(list(shifts.values()))
    assert read_volcano(found).sigma == pytest.approx(rms([0.4, 0.3, 0.1]))


def test_a_shift_of_all_is_a_bias_and_no_spread():
    found = rows(dict.fromkeys(REFERENCE, 0.5))
    assert [r.bias for r in found] == pytest.approx([0.5] * 3)
    volcano = read_volcano(found)
    assert volcano.sigma == pytest.approx(0, abs=1e-9)
    # yet it moves Pt and Ir over the top: ΔG 0.2, 0.4, 0.75 instead of -0.3, -0.1, 0.25
    assert volcano.right == (1, 3)
    assert volcano.chance == pytest.approx(1)


def test_half_of_the_molecule_is_taken_off():
    class Shifted(Planted):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["energy"] += 0.2 * (self.seen[-1] == "H2")

    calculator = Shifted()
    found = adsorption_energies(calculator, make_sites(("Ag fcc", "Ag ontop")))
    assert [s.model - s.reference for s in found] == pytest.approx([-0.1] * 2)
    assert calculator.seen == ["H2", "Ag", "Ag fcc", "Ag ontop"]  # each structure once


def test_a_failing_site_is_a_row_with_the_reason():
    found = rows({"Pt hcp": 0.2}, fails=("Pt fcc",))
    failed, *rest = found[0].sites
    assert failed.message == "slab + H: ValueError: no Pt fcc today"
    assert failed.model is None
    assert failed.reference == REFERENCE["Pt fcc"]
    assert all(s.message is None for s in rest)
    assert found[0].mae == pytest.approx(0.1)
    # Pt has no point on the volcano, since another site would be another question: two are none
    assert read_volcano(found) is None


def test_without_hydrogen_nothing_is_judged():
    found = rows(fails=("H2",))
    assert {s.message for r in found for s in r.sites} == {"H2: ValueError: no H2 today"}
    assert {(r.mae, r.bias, r.sigma) for r in found} == {(None, None, None)}
    assert read_energies(found[0]).value is None
    assert module.read_sites(found[0]) is None


def test_the_volcano_of_known_points():
    # the reference chooses the site: what the model has on top of Pt does not matter
    v = read_volcano(rows({"Pt fcc": 0.25, "Pt ontop": -2.0, "Ir fcc": -0.05}))
    assert [p.name for p in v.metals] == ["Ir fcc", "Ag fcc", "Pt fcc"]
    assert v.gap == pytest.approx(0.1)  # |ΔG| is 0.1, 0.25, 0.3
    assert v.chance == pytest.approx(norm.cdf(0.1 / rms([0.30, 0.25, 0.05])))
    assert v.right == (1, 3)  # Ir before Ag is kept, Pt comes first of all


def test_the_chance_is_what_normal_errors_do():
    """Of two metals on one side of the top, Φ(δ/σ) is the share that comes out right."""
    rng = np.random.default_rng(1)
    sigma = 0.1
    errors = rng.normal(scale=sigma / np.sqrt(2), size=(20000, 2))
    right = np.mean(errors[:, 1] - errors[:, 0] + 0.06 > 0)
    sites = [
        AdsorptionEnergy("M", "fcc", 0.5 + d, 0.5 + d + e) for d, e in ((0.0, 0.0), (0.06, sigma))
    ]
    assert Volcano(tuple(sites)).chance == pytest.approx(right, abs=0.01)


def test_what_is_no_slab_with_one_hydrogen():
    slab = make_site("Pt fcc", 0.0).slab
    with pytest.raises(InputError, match="Pt fcc: PtH2 is not Pt and one H"):
        AdsorptionSite("Pt", "fcc", slab, slab + Atoms("H2", [[0, 0, 7], [0, 0, 8]]), 0.0)


def test_the_record_survives_json():
    row = rows({"Pt fcc": 0.1}, fails=("Pt hcp",))[0]
    assert from_plain(MetalAdsorption, to_plain(row)) == row


@pytest.fixture
def sites(monkeypatch):
    """The data set, at hand, made of the seven sites of the other tests."""
    monkeypatch.setattr(module, "hydrogen_sites", make_sites)
    monkeypatch.setattr(module.datasets, "find", lambda name: ())


def judged(run: RunRecord) -> dict[str, str]:
    return {f.quantity: f.status for f in run.findings}


def test_a_perfect_model_gets_nothing_worse_than_ok(sites):
    run = check_up(Planted(), ["Pt", "Ag", "H"], ONLY)
    assert [r.name for r in run.rows("adsorption")] == ["H on Pt(111)", "H on Ag(111)"]
    assert judged(run) == {"adsorption energy of H": "ok", "H between sites": "ok"}
    answers = {a.use: (a.answer, a.tested_on) for a in run.uses}
    assert answers["energies"] == ("yes", ELEMENTS)


def test_a_shift_of_all_sites_is_no_fault_between_them(sites):
    shifted = {name: 0.5 for name in REFERENCE if name.startswith("Pt")}
    run = check_up(Planted(shifted), ["Pt-H"], ONLY)
    assert judged(run) == {"adsorption energy of H": "fail", "H between sites": "ok"}
    (finding,) = [f for f in run.findings if f.status == "fail"]
    assert finding.number == pytest.approx(0.5)
    assert {a.use: a.answer for a in run.uses}["energies"] == "no"


def test_hydrogen_that_nobody_asked_about_only_hints(sites):
    run = check_up(Planted(dict.fromkeys(REFERENCE, 0.5)), ["Pt", "Ho"], ONLY)
    assert judged(run)["adsorption energy of H"] == "fail"
    assert {a.use: a.answer for a in run.uses}["energies"] == "with care"
    run = check_up(Planted(), ["Pt"], ONLY)
    assert judged(run)["adsorption energy of H"] == "ok"
    assert {a.use: a.answer for a in run.uses}["energies"] == "not tested"


def test_errors_that_differ_between_sites_are_found(sites):
    run = check_up(Planted({"Pt ontop": 0.29, "Pt hcp": -0.29}), ["Pt"], ONLY)
    assert judged(run)["H between sites"] == "fail"
    assert judged(run)["adsorption energy of H"] == "caution"


def test_the_limit_has_to_be_crossed_by_the_uncertainty_of_the_reference_too(sites):
    for error, status in ((0.09, "ok"), (0.11, "caution"), (0.34, "caution"), (0.36, "fail")):
        run = check_up(Planted(dict.fromkeys(REFERENCE, error)), ["Ag"], ONLY)
        assert judged(run)["adsorption energy of H"] == status


def test_a_site_that_fails_is_shown_and_the_others_count(sites):
    run = check_up(Planted(fails=("Pt hcp",)), ["Pt"], ONLY)
    (row,) = run.rows("adsorption")
    assert [s.message for s in row.sites] == [None, "slab + H: ValueError: no Pt hcp today", None]
    assert row.mae == pytest.approx(0, abs=1e-9)
    assert row.error is None
    said = [p.text for p in Adsorption().remarks([row])]
    assert "Pt hcp: slab + H: ValueError: no Pt hcp today" in said


def test_a_metal_that_fails_is_a_row_with_its_error(sites):
    run = check_up(Planted(fails=("Ir",)), ["Ir", "Ag"], ONLY)
    failed, good = run.rows("adsorption")
    assert failed.error == "slab: ValueError: no Ir today"
    assert good.error is None
    assert {f.status for f in run.findings if failed.name in f.subjects} == {"not assessed"}


def test_a_slab_of_two_metals_has_both_and_only_hints(sites, tmp_path):
    alloy = bulk("Pt", cubic=True)
    alloy.symbols[0] = "Ag"
    write(tmp_path / "alloy.cif", alloy)
    plan = plan_checkup(Planted(), [str(tmp_path / "alloy.cif")], ONLY)
    assert [t.name for t in plan.jobs[0].tasks] == ["H on Pt(111)", "H on Ag(111)"]
    run = check_up(Planted(dict.fromkeys(REFERENCE, 0.5)), [str(tmp_path / "alloy.cif")], ONLY)
    assert {a.use: a.answer for a in run.uses}["energies"] == "with care"


def test_what_has_no_reference_is_left_out_with_the_reason(sites, monkeypatch, tmp_path):
    write(tmp_path / "al.xyz", bulk("Al"))
    everything = Settings(only=("adsorption", "contacts"))
    plan = plan_checkup(Planted(), [str(tmp_path / "al.xyz")], everything)
    assert plan.not_run["adsorption"] == "known for Pt, Ir, Ag only"
    none = dataclasses.replace(everything, reference=("none",))
    plan = plan_checkup(Planted(), [str(tmp_path / "al.xyz")], none)
    assert plan.not_run["adsorption"] == "--reference none leaves it out"
    monkeypatch.setattr(module.datasets, "find", lambda name: None)
    plan = plan_checkup(Planted(), [str(tmp_path / "al.xyz")], everything)
    assert "mlipcheck data kitchin-111" in plan.not_run["adsorption"]


def test_the_volcano_is_drawn_where_there_are_three_metals(sites):
    errors = {"Pt fcc": 0.25, "Ir fcc": -0.05}
    run = check_up(Planted(errors, fails=("Ag ontop",)), ["Pt", "Ir", "Ag"], ONLY)
    model = Model(run, "planted", "#0072B2", "o")
    panels = Adsorption().figures([model])
    assert [p.name for p in panels] == ["adsorption", "volcano"]
    assert "H on Pt(111) +0.08 eV" in panels[0].alt
    assert "Pt +0.25 eV, Ir −0.05 eV, Ag +0.00 eV" in panels[1].alt
    (axis,) = panels[1].figure.axes
    bars = [line.get_xydata() for line in axis.lines if len(line.get_xydata()) == 2]
    assert sorted(bar[1, 0] - bar[0, 0] for bar in bars) == pytest.approx([-0.05, 0.0, 0.25])
    few = dataclasses.replace(run, checks={"adsorption": run.rows("adsorption")[:2]})
    panels = Adsorption().figures([dataclasses.replace(model, run=few)])
    assert [p.name for p in panels] == ["adsorption"]


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


METALS = ("Pt", "Ag", "Ir", "Au", "Pd", "Rh", "Cu")


def published(calculator):
    """Run all 28 sites: MAE, r, σ between the sites of a metal, and the volcano."""
    found = {r.name[5:7]: r for r in check_up(calculator, METALS, ONLY).rows("adsorption")}
    sites = [s for r in found.values() for s in r.sites]
    pairs = [p for r in found.values() for p in itertools.combinations(r.sites, 2)]
    sigma = rms([(a.model - a.reference) - (b.model - b.reference) for a, b in pairs])
    reference, model = np.transpose([(s.reference, s.model) for s in sites])
    numbers = (np.abs(model - reference).mean(), np.corrcoef(reference, model)[0, 1], sigma)
    return found, numbers, read_volcano(list(found.values()))


@pytest.mark.slow
def test_chgnet_on_the_published_sites(chgnet, data_dir):
    found, numbers, volcano = published(chgnet)
    assert numbers == pytest.approx((0.131, 0.924, 0.099), abs=0.003)
    # the errors of one metal are alike, those of two are not
    assert volcano.sigma == pytest.approx(0.244, abs=0.005)
    assert volcano.gap == pytest.approx(0.065, abs=0.001)
    assert volcano.chance == pytest.approx(0.61, abs=0.01)
    assert volcano.right == (15, 21)
    assert (found["Cu"].mae, found["Cu"].sigma) == pytest.approx((0.127, 0.009), abs=0.005)
    assert (found["Ag"].mae, found["Ag"].sigma) == pytest.approx((0.035, 0.045), abs=0.005)


@pytest.mark.slow
def test_sevennet_on_the_published_sites(sevennet, data_dir):
    _, numbers, volcano = published(sevennet)
    # a good r, and yet the sites of a metal are further out of order than the metals
    assert numbers == pytest.approx((0.255, 0.917, 0.322), abs=0.003)
    assert volcano.sigma == pytest.approx(0.218, abs=0.003)
