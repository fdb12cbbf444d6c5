"""When a volume is at rest: exact curves of pressure, and what a small force does not say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase.build import bulk, graphene
from ase.calculators.calculator import Calculator, InputError, all_changes
from ase.units import GPa

from mlipcheck import relax_against_reference
from mlipcheck.analysis.strain import look_around
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.checks.crystals import bring_to_rest
from mlipcheck.checks.relaxation.optimize import COLLAPSED, _modes
from mlipcheck.checks.relaxation.record import Relaxation
from mlipcheck.references.structures import RelaxedReference
from mlipcheck.verdict import judge


def around(calculator, atoms):
    """Look around as at the end of a relaxation."""
    atoms.calc = calculator
    return look_around(calculator, atoms, atoms.get_stress(voigt=False), np.eye(3) / 3)


V0 = 12.0  # Å^3 per atom of the reference


class OfVolume(Calculator):
    """An energy per atom of ln(V / V0), with its exact stress."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self, energy, slope):
        super().__init__()
        self.curve, self.slope = energy, slope

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        n, volume = len(self.atoms), self.atoms.get_volume()
        x = np.log(volume / n / V0)
        energy = n * self.curve(x)
        trace = n * self.slope(x) / volume
        stress = trace * np.array([1.0, 1, 1, 0, 0, 0])
        self.results = {"energy": energy, "free_energy": energy, "stress": stress}
        self.results["forces"] = np.zeros((n, 3))


def parabola(b0=0.5, at=0.0):
    """A minimum at V0 exp(at), with the modulus b0 (eV/Å^3) there."""
    k = b0 * V0
    return OfVolume(lambda x: k * (x - at) ** 2 / 2, lambda x: k * (x - at))


def crystal(scale=1.0):
    return bulk("Cu", a=(4 * V0 * scale) ** (1 / 3))


def relax(calculator, atoms=None, **options):
    known = RelaxedReference("known", "test", atoms or crystal(), level_of_theory="PBE")
    (row,) = relax_against_reference(calculator, known, **options)
    return row


def found(row, quantity):
    (finding,) = [f for f in judge({"relaxation": [row]}) if f.quantity == quantity]
    return finding


def test_what_is_left_of_a_parabola_is_known_from_two_more_cells():
    here = around(parabola(at=0.004), crystal())
    assert here.to_go == pytest.approx(0.004, rel=0.02)
    assert here.modulus == pytest.approx(0.5, rel=0.02)
    assert here.bound
    assert here.downhill == 1.0


def test_forces_may_be_small_far_from_a_soft_minimum():
    """V p / N < fmax in a crystal of 3 GPa that is 5 % from its minimum."""
    soft = parabola(b0=3 * GPa, at=-0.05)
    assert abs(soft.slope(0.0)) < 0.02  # eV an atom, which is compared with fmax
    row = relax(soft)
    assert row.converged
    assert row.steps > 0
    assert row.volume_change_percent == pytest.approx(100 * (np.exp(-0.05) - 1), abs=0.3)
    assert abs(row.to_go_percent) < 0.3
    assert found(row, "volume").value == f"{row.volume_change_percent:+.2f} % (0.0 % left to relax)"


def test_a_cell_that_falls_together_is_given_up_before_it_costs():
    """Each of its steps would have more neighbours than the last, in whichever check."""
    falls = OfVolume(lambda x: 5 * x, lambda x: 5.0)
    row = relax(falls)
    assert "the cell runs away" in row.error
    with pytest.raises(InputError, match="the cell runs away"):
        bring_to_rest(falls, crystal(), 0.02, cell=True)
    assert falls.atoms.get_volume() / crystal().get_volume() > COLLAPSED / 3  # the last one


def test_a_maximum_is_left_behind():
    """As Cs by CHGNet: no force, no pressure, and a minimum 7 % away."""

    def energy(x):
        return 0.01 * np.cos(np.pi * x / 0.07)

    def slope(x):
        return -0.01 * np.pi / 0.07 * np.sin(np.pi * x / 0.07)

    row = relax(OfVolume(energy, slope))
    assert row.converged
    assert abs(row.volume_change_percent) == pytest.approx(7, abs=0.5)
    assert found(row, "volume").status == "caution"


def test_a_slope_without_a_minimum_is_a_failed_row():
    row = relax(OfVolume(lambda x: -1e-3 * x, lambda x: -1e-3))
    assert not row.converged
    assert row.to_go_percent is None
    finding = found(row, "convergence")
    assert finding.status == "fail"
    assert "no minimum here" in finding.value
    assert found(row, "volume").status == "not assessed"


def test_sides_that_differ_by_a_factor_are_no_minimum_unless_the_pressure_changes_its_sign():
    def slope(x):  # ever softer outwards, and never at rest
        return -1e-3 * np.exp(-150 * x)

    away = around(OfVolume(lambda x: 1e-3 / 150 * np.exp(-150 * x), slope), crystal())
    assert away.modulus > 0
    assert away.to_go == np.inf

    def kinked(x):  # stiffer by 4 when pressed
        return (0.5 if x > 0 else 2.0) * V0 * x

    rough = OfVolume(lambda x: kinked(x) * x / 2, kinked)
    assert -0.002 < around(rough, crystal(1.002)).to_go < 0


def test_no_stress_at_all_is_no_bond():
    row = relax(OfVolume(lambda x: -1.0, lambda x: 0.0))
    assert row.steps == 0
    assert not row.bound
    assert found(row, "convergence").value == "the model sees no bond"
    assert found(row, "convergence").status == "fail"
    assert found(row, "volume").status == "not assessed"


def test_layers_have_a_residual_of_their_own():
    sheet = graphene("C2", a=2.46, vacuum=3.3)
    sheet.pbc = True
    assert len(_modes(sheet)) == 2
    np.testing.assert_allclose(_modes(sheet)[1], np.diag([0, 0, 1.0]), atol=1e-12)
    for atoms in (bulk("Cu"), bulk("Cu", cubic=True), bulk("Cs"), bulk("Mg")):
        assert len(_modes(atoms)) == 1


class OfLayers(Calculator):
    """Stiff within the layers, and soft between them, where the distance should be 5 % larger."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self, cell):
        super().__init__()
        self.rest = np.array(cell)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        strain = self.atoms.cell[:] @ np.linalg.inv(self.rest)
        moduli, off = np.array([5.0, 5.0, 0.02]), np.diag(strain) - 1
        energy = float(self.atoms.get_volume() * moduli @ off**2 / 2)
        stress = np.zeros(6)
        stress[:3] = moduli * off
        self.results = {"energy": energy, "free_energy": energy, "stress": stress}
        self.results["forces"] = np.zeros((len(self.atoms), 3))


def test_a_soft_axis_goes_all_the_way():
    sheet = graphene("C2", a=2.46, vacuum=3.0)
    sheet.pbc = True
    longer = sheet.cell[:] * np.array([[1], [1], [1.05]])
    row = relax(OfLayers(longer), sheet, fmax=0.2)
    assert row.converged
    assert row.length_changes_percent[2] == pytest.approx(5, abs=0.4)


@pytest.mark.parametrize(("left", "status"), [(0.05, "fail"), (-0.2, "caution")])
def test_a_volume_is_beyond_a_limit_only_with_all_that_is_left_to_go(left, status):
    row = Relaxation("x", converged=True, cell="free", same_functional=True)
    row = dataclasses.replace(row, volume_change_percent=-3.1, to_go_percent=left)
    assert found(row, "volume").status == status


LEVELS = [
    ("PBE", True, 3.0),
    ("PBE / PBE+U", True, 3.0),
    (None, False, 10.0),
    ("HSE06", False, 10.0),
]


@pytest.mark.parametrize(("level", "same", "fail"), LEVELS)
def test_a_volume_of_the_same_functional_has_narrower_limits(level, same, fail):
    calculator = parabola(at=np.log(0.95))
    calculator.mlipcheck_info = CalculatorInfo("x", level_of_theory=level)
    row = relax(calculator, fmax=1e-3)
    assert row.volume_change_percent == pytest.approx(-5, abs=0.1)
    assert row.same_functional is same
    finding = found(row, "volume")
    assert finding.fail == fail
    assert finding.status == ("fail" if same else "caution")
    assert [d.kind for d in finding.doubts] == (["level of theory"] if level == "HSE06" else [])
