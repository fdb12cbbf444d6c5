"""The check of adsorption: which metals, what is judged, and what is left out."""

from __future__ import annotations

import dataclasses

import pytest
from adsorption_sites import REFERENCE, Planted, make_sites
from ase.build import bulk
from ase.io import write

from mlipcheck.checks.adsorption import check as module
from mlipcheck.checks.adsorption.record import AdsorptionEnergy, MetalAdsorption
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.run import check_up
from mlipcheck.record import RunRecord
from mlipcheck.system import Settings
from mlipcheck.uses import ELEMENTS

ONLY = Settings(only=("adsorption",))


@pytest.fixture
def sites(monkeypatch):
    """The data set, at hand, made of the seven sites of the other tests."""
    monkeypatch.setattr(module, "hydrogen_sites", make_sites)
    monkeypatch.setattr(module.datasets, "find", lambda name: ())


def judged(run: RunRecord) -> dict[str, str]:
    return {f.quantity: f.status for f in run.findings}


def test_a_perfect_model_gets_nothing_worse_than_ok(sites):
    run = check_up(Planted(), ["Pt", "Ag"], ONLY)
    assert [r.name for r in run.rows("adsorption")] == ["H on Pt(111)", "H on Ag(111)"]
    assert judged(run) == {"adsorption energy of H": "ok", "H between sites": "ok"}
    answers = {a.use: (a.answer, a.tested_on) for a in run.uses}
    assert answers["energies"] == ("yes", ELEMENTS)


def test_a_shift_of_all_sites_is_no_fault_between_them(sites):
    shifted = {name: 0.5 for name in REFERENCE if name.startswith("Pt")}
    run = check_up(Planted(shifted), ["Pt"], ONLY)
    assert judged(run) == {"adsorption energy of H": "fail", "H between sites": "ok"}
    (finding,) = [f for f in run.findings if f.status == "fail"]
    assert finding.number == pytest.approx(0.5)
    assert {a.use: a.answer for a in run.uses}["energies"] == "no"


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
    said = [p.text for p in module.Adsorption().remarks([row])]
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
    from mlipcheck.drawing.colours import PALETTE
    from mlipcheck.record import Model

    errors = {"Pt fcc": 0.25, "Ir fcc": -0.05}
    run = check_up(Planted(errors, fails=("Ag ontop",)), ["Pt", "Ir", "Ag"], ONLY)
    model = Model(run, "planted", PALETTE[0], "o")
    panels = module.Adsorption().figures([model])
    assert [p.name for p in panels] == ["adsorption", "volcano"]
    assert "Pt fcc +0.25 eV, Ir fcc −0.05 eV" in panels[0].alt
    sites = [s for row in run.rows("adsorption") for s in row.sites]
    (left,), (right,) = (panel.figure.axes for panel in panels)
    drawn = {tuple(line.get_xydata()[0]) for line in left.lines if len(line.get_xydata()) == 1}
    assert drawn == {(s.reference, s.model) for s in sites if s.model is not None}
    bars = [line.get_xydata() for line in right.lines if len(line.get_xydata()) == 2]
    assert sorted(bar[1, 0] - bar[0, 0] for bar in bars) == pytest.approx([-0.05, 0.0, 0.25])
    assert {t.get_text() for t in right.texts} == {"Pt", "Ir", "Ag"}
    few = dataclasses.replace(run, checks={"adsorption": run.rows("adsorption")[:2]})
    panels = module.Adsorption().figures([dataclasses.replace(model, run=few)])
    assert [p.name for p in panels] == ["adsorption"]


def test_a_row_without_numbers_is_not_judged():
    row = MetalAdsorption("H on Pt(111)", (AdsorptionEnergy("Pt", "fcc", -0.5, message="H2: no"),))
    assert module.read_energies(row).value is None
    assert module.read_sites(row) is None


def test_chgnet_on_copper_and_silver(chgnet, data_dir):
    run = check_up(chgnet, ["Cu", "Ag"], ONLY)
    found = {r.name: (r.mae, r.sigma_sites) for r in run.rows("adsorption")}
    assert found["H on Cu(111)"] == pytest.approx((0.127, 0.009), abs=0.005)
    assert found["H on Ag(111)"] == pytest.approx((0.035, 0.045), abs=0.005)
