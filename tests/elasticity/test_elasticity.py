"""Equations of state: exact curves as calculators, and one planted fault for each question."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.calculator import Calculator, all_changes

from mlipcheck.analysis.eos import BirchMurnaghan, compare_curves, fit_birch_murnaghan
from mlipcheck.analysis.structures import empty_directions
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.check import Context
from mlipcheck.checks.elasticity.check import Elasticity, _task
from mlipcheck.references.crystals import ground_states
from mlipcheck.references.structures import RelaxedReference, from_atoms
from mlipcheck.system import Settings, System
from mlipcheck.uses import CONSISTENCY, ELEMENTS, MOLECULAR, OWN
from mlipcheck.verdict import judge

TRUTH = BirchMurnaghan(v0=11.9, b0=0.88, b1=4.9)


class OfVolume(Calculator):
    """Any energy per atom against the volume per atom; its pressure by a tiny difference."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, energy, pressure_factor=1.0):
        super().__init__()
        self.curve, self.pressure_factor = energy, pressure_factor
        # of the reference's own level: another or unknown one has limits of its own
        self.mlipcheck_info = CalculatorInfo("x", level_of_theory="PBE")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        n, v = len(atoms), atoms.get_volume() / len(atoms)
        h = 1e-5 * v
        low, energy, high = (float(self.curve(np.array([x]))[0]) for x in (v - h, v, v + h))
        pressure = self.pressure_factor * (low - high) / (2 * h)
        self.results = {
            "energy": n * energy,
            "forces": np.zeros((n, 3)),
            "stress": -pressure * np.array([1.0, 1, 1, 0, 0, 0]),
        }


def row_of(calculator, reference=TRUTH, volume=TRUTH.v0, **facts):
    atoms = bulk("Cu", a=(4 * volume) ** (1 / 3))
    known = RelaxedReference("Cu-fcc", "acwf-unaries", atoms, level_of_theory="PBE", **facts)
    (row,) = Elasticity().run(calculator, _task(known, reference, limit=0), Context())
    return row


def statuses(row):
    found = judge({"elasticity": [row]})
    return {f.quantity: f.status for f in found if f.check == "elasticity"}


def test_a_curve_is_fitted_to_itself():
    volumes = TRUTH.v0 * np.linspace(0.94, 1.06, 7)
    found = fit_birch_murnaghan(volumes, TRUTH.energy(volumes) - 3.5)
    assert found.v0 == pytest.approx(TRUTH.v0, rel=1e-6)
    assert found.b0 == pytest.approx(TRUTH.b0, rel=1e-5)
    assert found.b1 == pytest.approx(TRUTH.b1, rel=1e-4)
    assert found.e0 == pytest.approx(-3.5)


def test_epsilon_and_delta_of_known_curves():
    epsilon, delta = compare_curves(TRUTH, TRUTH)
    assert epsilon == pytest.approx(0, abs=1e-9)
    assert delta == pytest.approx(0, abs=1e-12)
    # a curve twice as stiff: (2f - f)² over 2 f², whatever f is
    stiff = dataclasses.replace(TRUTH, b0=2 * TRUTH.b0)
    assert compare_curves(TRUTH, stiff)[0] == pytest.approx(0.5**0.5, rel=1e-6)
    # a shifted parabola is off by its slope times the shift, to first order
    shifted = dataclasses.replace(TRUTH, v0=1.01 * TRUTH.v0)
    assert compare_curves(TRUTH, shifted)[1] == pytest.approx(0.0036, rel=0.15)


def test_a_line_has_no_equation_of_state():
    volumes = np.linspace(9, 11, 7)
    assert fit_birch_murnaghan(volumes, 0.1 * volumes) is None


def test_the_reference_itself_gets_nothing_worse_than_ok():
    row = row_of(OfVolume(TRUTH.energy))
    assert row.error is None
    assert row.epsilon == pytest.approx(0, abs=1e-4)
    assert row.fit.v0 == pytest.approx(TRUTH.v0, rel=1e-4)
    assert row.bulk_modulus_spread < 0.02
    assert set(statuses(row).values()) == {"ok"}
    assert len(statuses(row)) == 5


@pytest.mark.parametrize(("factor", "status"), [(1.3, "caution"), (0.5, "fail"), (1.7, "fail")])
def test_a_stiffness_that_is_off_is_found(factor, status):
    row = row_of(OfVolume(dataclasses.replace(TRUTH, b0=factor * TRUTH.b0).energy))
    assert row.fit.b0 / row.reference.b0 == pytest.approx(factor, rel=1e-3)
    found = statuses(row)
    assert found.pop("bulk modulus") == status
    found.pop("equation of state")  # which is the same curve as a whole
    assert set(found.values()) == {"ok"}


def test_a_volume_that_is_off_is_found():
    row = row_of(OfVolume(dataclasses.replace(TRUTH, v0=1.03 * TRUTH.v0).energy))
    found = statuses(row)
    assert found.pop("equation of state") == "fail"
    assert set(found.values()) == {"ok"}


def test_a_second_minimum_is_found():
    def energy(v):
        return TRUTH.energy(v) - 0.6 * np.exp(-(((v / TRUTH.v0 - 0.7) / 0.04) ** 2))

    row = row_of(OfVolume(energy))
    assert len(row.minima) == 2
    assert min(row.minima) == pytest.approx(0.7, abs=0.05)
    found = statuses(row)
    assert found.pop("one minimum") == "caution"
    assert found.pop("compression") != "ok"  # there is a maximum between the two
    assert set(found.values()) == {"ok"}


def test_a_hole_is_found():
    def energy(v):
        return TRUTH.energy(v) - 90 * np.clip(0.6 - v / TRUTH.v0, 0, None)

    row = row_of(OfVolume(energy))
    assert row.turnover == pytest.approx(0.6, abs=0.03)
    found = statuses(row)
    assert found.pop("compression") == "caution"
    assert set(found.values()) == {"ok"}


def test_a_pressure_that_is_no_derivative_is_found():
    row = row_of(OfVolume(TRUTH.energy, pressure_factor=1.1))
    assert row.pressure_error == pytest.approx(0.1, abs=0.01)
    found = statuses(row)
    assert found.pop("pressure") == "fail"
    assert set(found.values()) == {"ok"}


def test_a_maximum_at_the_own_volume_is_reported_with_its_minimum():
    def energy(v):
        x = v / TRUTH.v0 - 1
        return 0.02 * np.cos(x / 0.1 * np.pi) + 0.3 * x**2

    row = row_of(OfVolume(energy))
    assert row.bulk_modulus_at_start < 0
    (finding,) = [f for f in judge({"elasticity": [row]}) if f.quantity == "one minimum"]
    assert finding.status == "fail"
    assert "maximum" in finding.value
    assert "% away" in finding.value


def test_a_model_that_sees_no_neighbour_is_reported():
    row = row_of(OfVolume(lambda v: 0 * v - 1.0))
    assert not row.bound
    (finding,) = [f for f in judge({"elasticity": [row]}) if f.quantity == "one minimum"]
    assert finding.status == "fail"
    assert "sees no bond" in finding.value


def test_what_raises_is_a_row():
    class Broken(Calculator):
        implemented_properties = ["energy", "stress"]

        def calculate(self, *args, **kwargs):
            raise RuntimeError("out of order")

    row = row_of(Broken())
    assert "out of order" in row.error
    assert statuses(row) == {"one minimum": "fail"}


def test_stiffness_within_its_uncertainty_is_not_blamed():
    row = row_of(OfVolume(dataclasses.replace(TRUTH, b0=1.45 * TRUTH.b0).energy))
    rough = dataclasses.replace(row, bulk_modulus_spread=0.1)
    assert statuses(row)["bulk modulus"] == "fail"
    assert statuses(rough)["bulk modulus"] == "caution"


def test_vacuum_is_seen():
    slab = fcc111("Al", (1, 1, 3), vacuum=5.0, periodic=True)
    assert empty_directions(slab).tolist() == [False, False, True]
    slab.pbc = (True, True, False)
    assert empty_directions(slab).tolist() == [False, False, True]
    assert empty_directions(Atoms("NH", [[0, 0, 0], [0, 0, 1]], cell=[9] * 3, pbc=True)).all()
    for crystal in (bulk("Al", cubic=True), bulk("Cs", cubic=True), bulk("Cs")):
        assert not empty_directions(crystal).any()


def tasks_of(**facts):
    system = System(CalculatorInfo("x"), **facts)
    return Elasticity().tasks(system, Settings())


@pytest.mark.slow
def test_elements_have_their_own_lattice(data_dir):
    names = [r.name for r, _ in ground_states(["Cu", "W", "Si", "O", "Zn", "Fe"])]
    assert names == ["Cu-fcc", "Si-diamond", "W-bcc"]
    found = tasks_of(elements=("Cu-O", "W"))
    assert [t.name for t in found] == ["Cu-fcc", "W-bcc", "elastic-W (W)"]


def test_a_users_crystal_is_taken_and_a_slab_is_not(monkeypatch):
    monkeypatch.setattr("mlipcheck.checks.elasticity.check.ground_states", lambda elements: [])
    slab = fcc111("Al", (1, 1, 3), vacuum=8.0, periodic=True)
    references = tuple(from_atoms(a, n, "mine") for n, a in (("al", bulk("Al")), ("slab", slab)))
    task, skip = tasks_of(references=references)
    assert task.name == "al"
    assert "slab" in skip.reason


def test_without_the_data_it_says_how_to_get_them(monkeypatch):
    monkeypatch.setattr("mlipcheck.checks.elasticity.check.ground_states", lambda elements: None)
    (skip,) = tasks_of(elements=("Cu",))
    assert "mlipcheck data acwf-unaries" in skip.reason


def test_elements_are_evidence_as_far_as_their_bonding_goes():
    copper = row_of(OfVolume(TRUTH.energy))
    argon = dataclasses.replace(copper, formula="Ar")
    own = dataclasses.replace(copper, source="POSCAR", reference=None, epsilon=None)
    evidence = [Elasticity().evidence(row).tested_on for row in (copper, argon, own)]
    assert evidence == [ELEMENTS, MOLECULAR, OWN]
    # without a reference it is a test of consistency
    found = judge({"elasticity": [own]})
    assert {f.tested_on for f in found} == {CONSISTENCY}
    assert not {"equation of state", "bulk modulus"} & {f.quantity for f in found}


def test_a_curve_of_another_functional_is_in_doubt():
    far = dataclasses.replace(TRUTH, v0=1.06 * TRUTH.v0, b0=2 * TRUTH.b0)  # beyond every limit
    calculator = OfVolume(far.energy)
    calculator.mlipcheck_info = CalculatorInfo("x", level_of_theory="r2SCAN")
    found = {f.quantity: f for f in judge({"elasticity": [row_of(calculator)]})}
    for quantity in ("equation of state", "bulk modulus"):
        assert found[quantity].status == "caution"
        assert "r2SCAN" in found[quantity].doubts[0].text
    assert not found["one minimum"].doubts


@pytest.mark.parametrize("level", [None, "LDA"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"v0": 0.968}, ("caution", "ok")),  # as EMT's copper, and as LDA's volumes
        ({"v0": 1.02, "b0": 1.2}, ("ok", "ok")),
        ({"b0": 0.6}, ("ok", "caution")),
        ({"v0": 1.12}, ("fail", "ok")),
        ({"b0": 0.3}, ("ok", "fail")),
    ],
)
def test_another_level_of_theory_has_wider_limits(level, changes, expected):
    changed = {name: factor * getattr(TRUTH, name) for name, factor in changes.items()}
    calculator = OfVolume(dataclasses.replace(TRUTH, **changed).energy)
    calculator.mlipcheck_info = CalculatorInfo("x", level_of_theory=level)
    row = row_of(calculator)
    assert not row.same_functional
    found = statuses(row)
    both = tuple(found.pop(x) for x in ("equation of state", "bulk modulus"))
    # what is known to be of another level can only be doubted
    assert both == tuple("caution" if level and x == "fail" else x for x in expected)
    assert set(found.values()) == {"ok"}


def test_a_guess_of_the_volume_may_be_off():
    def energy(v):
        return -0.02 * v

    assert statuses(row_of(OfVolume(energy)))["one minimum"] == "fail"
    assert statuses(row_of(OfVolume(energy), start_only=True))["one minimum"] == "not assessed"


def test_chgnet_on_caesium(chgnet, data_dir):
    ((reference, curve),) = ground_states(["Cs"])
    (row,) = Elasticity().run(chgnet, _task(reference, curve, limit=0), Context())
    assert row.bulk_modulus_at_start < 0
    assert 100 * (row.fit.v0 / row.start_volume - 1) == pytest.approx(-7, abs=1)
    assert statuses(row)["one minimum"] == "fail"
