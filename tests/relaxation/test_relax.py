"""Relaxation against a reference: truth stays put, faults are found, failures are rows."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, molecule
from ase.calculators.calculator import Calculator, InputError
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from faulty import Failing, Faulty, ScaledStress
from faulty_interface import SlabStress

from mlipcheck import get_calculator, relax_against_reference
from mlipcheck.analysis.strain import stress_error
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.checks.relaxation import geometry
from mlipcheck.checks.relaxation.check import Relaxations
from mlipcheck.checks.relaxation.record import Relaxation
from mlipcheck.checks.relaxation.relax import compare_energies
from mlipcheck.record import RunRecord
from mlipcheck.references.crystals import dcdft_crystals
from mlipcheck.references.doubts import Doubt
from mlipcheck.references.structures import RelaxedReference
from mlipcheck.uses import CONSISTENCY, ELEMENTS, MOLECULAR, OWN, PUBLIC
from mlipcheck.verdict import conclude, judge


def known(atoms, name="known", **facts):
    """Take a structure for a minimum of the reference's, as a finished run says of itself."""
    return RelaxedReference(name, "test", atoms, **facts)


def relaxed(atoms):
    atoms = atoms.copy()
    atoms.calc = EMT()
    moving = FrechetCellFilter(atoms) if atoms.pbc.all() else atoms
    BFGS(moving, logfile=None).run(fmax=1e-4, steps=300)
    return atoms


def status(rows, quantity):
    return {f.status: f.subjects for f in judge({"relaxation": rows}) if f.quantity == quantity}


def test_soft_toy_passes_up_to_four_atoms_and_fails_thirteen():
    rows = {r.name: r for r in relax_against_reference(get_calculator("toy"), "morse-clusters")}
    assert list(rows) == ["Morse2", "Morse3", "Morse4", "Morse6", "Morse13"]
    assert all(r.converged for r in rows.values())
    big = rows["Morse13"]
    assert big.bonds.reference_lengths.min() == pytest.approx(0.925, abs=1e-3)
    assert big.bonds.lengths.min() == pytest.approx(1.09, abs=5e-3)
    found = status(rows.values(), "bond lengths")
    assert found["fail"] == ("Morse13",)
    assert {"Morse2", "Morse3", "Morse4"} <= set(found["ok"])


def test_wide_toy_is_exact():
    rows = relax_against_reference(get_calculator("toy:wide"), "morse-clusters", start="first")
    assert all(r.largest_bond_change_percent < 0.5 for r in rows)
    assert all(abs(r.energy_error_per_atom) < 1e-3 for r in rows)
    assert {f.status for f in judge({"relaxation": rows})} == {"ok"}


@pytest.mark.slow
def test_a_perfect_model_leaves_its_own_minimum_alone():
    rows = relax_against_reference(EMT(), [relaxed(bulk("Cu", cubic=True)), relaxed(bulk("Al"))])
    for row in rows:
        assert row.converged
        assert row.cell == "free"
        assert abs(row.volume_change_percent) < 0.01
        assert row.largest_bond_change_percent < 0.01
        assert row.rmsd < 1e-3
        assert row.space_group == row.reference_space_group == "Fm-3m (225)"
        assert row.stress_error < 1e-4
        assert row.force_calls == row.steps + 1
    assert {f.status for f in judge({"relaxation": rows})} <= {"ok", "not assessed"}


@pytest.mark.slow
def test_rattled_start_comes_back():
    reference = relaxed(bulk("Cu", cubic=True))
    (row,) = relax_against_reference(EMT(), reference, start="rattled", seed=3, fmax=0.001)
    assert row.converged
    assert row.steps > 3
    assert abs(row.volume_change_percent) < 0.05
    (again,) = relax_against_reference(EMT(), reference, start="rattled", seed=3, fmax=0.001)
    (other,) = relax_against_reference(EMT(), reference, start="rattled", seed=4, fmax=0.001)
    assert again.energy == pytest.approx(row.energy, abs=1e-12)
    assert other.energy != pytest.approx(row.energy, abs=1e-12)


@pytest.mark.parametrize("factor", [0.5, 160.2, -1.0])
def test_wrong_stress_is_found(factor):
    crystal = bulk("Cu", cubic=True)
    assert stress_error(EMT(), crystal) < 1e-4
    wrong = ScaledStress(EMT(), factor)
    assert stress_error(wrong, crystal) == pytest.approx(abs(factor - 1), rel=1e-3)
    (row,) = relax_against_reference(wrong, crystal, steps=5)
    assert "fail" in status([row], "stress")


@pytest.mark.parametrize("component", range(6))
def test_no_component_of_the_stress_can_hide(component):
    class Wrong(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["stress"][component] += 0.01

    crystal = bulk("Cu", cubic=True) * (2, 1, 1)
    crystal.rattle(0.05, seed=1)
    assert stress_error(Wrong(), crystal) > 0.01


@pytest.mark.parametrize("component", [3, 4, 5])
def test_shear_is_tested_in_a_cubic_cell_too(component):
    """Where the cell is not sheared its shear stress is zero, and twice of it as well."""

    class Wrong(Faulty):
        def spoil(self, atoms):
            if "stress" in self.results:
                self.results["stress"][component] *= 2

    assert stress_error(Wrong(EMT()), bulk("Cu", cubic=True)) > 0.05


class FarFromZero(Faulty):
    """An energy so large that single precision keeps little of what strain does to it."""

    dtype = "float32"
    offset = 0.0

    def spoil(self, atoms):
        self.results["energy"] = float(np.float32(self.results["energy"] + self.offset))


def test_what_rounding_does_to_the_energy_is_no_error_of_the_stress():
    crystal, calculator = bulk("Cu", a=3.6), FarFromZero(EMT())
    errors = []
    for calculator.offset in (0.0, 300.0, 1e6):
        calculator.reset()
        errors.append(stress_error(calculator, crystal))
    # the second is off by rounding alone, the third is nothing but rounding
    assert errors[0] < 0.01
    assert errors[1] < 0.01
    assert errors[2] is None


def test_planted_expansion_is_measured():
    reference = relaxed(bulk("Cu", cubic=True))
    stretched = reference.copy()
    stretched.set_cell(1.02 * reference.cell[:], scale_atoms=True)
    (row,) = relax_against_reference(EMT(), known(stretched), fmax=1e-3)
    assert row.volume_change_percent == pytest.approx(100 * (1.02**-3 - 1), abs=0.05)
    assert row.length_changes_percent == pytest.approx([100 * (1 / 1.02 - 1)] * 3, abs=0.02)
    (change,) = row.bond_changes
    assert change.pair == ("Cu", "Cu")
    assert change.largest_change_percent == pytest.approx(100 * (1 / 1.02 - 1), abs=0.02)
    assert change.mean_change == pytest.approx(change.mean_length * (1 / 1.02 - 1), abs=1e-3)
    assert "caution" in status([row], "volume")
    assert row.broken_bonds == row.new_bonds == 0


def test_bonds_are_followed_by_atom_and_image():
    """All 12 neighbours of a one-atom cell are its own images."""
    before = bulk("Cu")
    table = geometry.find_bonds(before)
    assert len(table.lengths) == 6
    assert (table.indices == 0).all()
    after = before.copy()
    after.set_cell(before.cell[:] @ np.diag([1.1, 1.0, 1.0]), scale_atoms=True)
    followed = geometry.follow_bonds(table, after)
    vectors = table.images @ after.cell[:]
    np.testing.assert_allclose(followed.lengths, np.linalg.norm(vectors, axis=1))
    np.testing.assert_allclose(followed.reference_lengths, 3.61 / np.sqrt(2), rtol=1e-6)


def test_bonds_of_what_has_none():
    """Noble gases are farther apart than their radii say, and their neighbours count."""
    assert len(geometry.find_bonds(bulk("Ar", cubic=True)).lengths) == 4 * 12 / 2


def test_broken_and_new_bonds():
    before = Atoms("OHH", [[0, 0, 0], [0.96, 0, 0], [0, 3.0, 0]])
    after = Atoms("OHH", [[0, 0, 0], [3.0, 0, 0], [0, 0.96, 0]])
    table = geometry.find_bonds(before)
    bonds = geometry.follow_bonds(table, after)
    assert geometry.count_broken_and_new(bonds, before, after) == (1, 1)
    assert geometry.count_broken_and_new(table, before, before) == (0, 0)
    hair = before.copy()
    hair.positions[1, 0] *= 1.3
    assert geometry.count_broken_and_new(geometry.follow_bonds(table, hair), before, hair) == (0, 0)


def test_rmsd_knows_no_drift_no_strain_no_rotation():
    crystal = bulk("NaCl", "rocksalt", 5.6, cubic=True)
    moved = crystal.copy()
    moved.positions += [0.3, -0.2, 0.1]
    moved.set_cell(1.05 * crystal.cell[:], scale_atoms=True)
    assert geometry.displacement_rmsd(crystal, moved) == pytest.approx(0, abs=1e-12)
    moved.positions[0] += [0.08, 0, 0]
    expected = 0.08 / 1.05 * np.sqrt(7 / 8 / 8)
    assert geometry.displacement_rmsd(crystal, moved) == pytest.approx(expected)
    water = molecule("H2O")
    turned = water.copy()
    turned.rotate(40, (1, 2, 3))
    turned.translate([1, 2, 3])
    assert geometry.displacement_rmsd(water, turned) == pytest.approx(0, abs=1e-6)


def slab():
    atoms = fcc111("Al", (1, 1, 3), a=4.0, vacuum=6)
    add_adsorbate(atoms, "Al", 2.2, "fcc")
    return atoms


def test_a_slab_keeps_its_vacuum():
    atoms = slab()
    (row,) = relax_against_reference(EMT(), atoms, cell="free", fmax=0.05)
    assert row.error is None
    assert row.cell == "free"
    assert row.length_changes_percent[2] == pytest.approx(0, abs=1e-9)
    assert abs(row.length_changes_percent[0]) > 1e-3
    assert row.volume_change_percent is None
    (fixed,) = relax_against_reference(EMT(), atoms, fmax=0.05)
    assert fixed.cell == "fixed"
    tilted = atoms.copy()
    tilted.rotate(30, "x", rotate_cell=True)
    (refused,) = relax_against_reference(EMT(), tilted, cell="free")
    assert "rotate the structure" in refused.error


@pytest.mark.parametrize("vacuum_is_periodic", [False, True])
def test_the_stress_of_a_slab_is_tested_in_its_plane(vacuum_is_periodic):
    """Where a slab's free cell moves, and nowhere else."""
    atoms = slab()
    atoms.pbc = (True, True, vacuum_is_periodic)
    (row,) = relax_against_reference(EMT(), atoms, cell="free", steps=3)
    assert row.stress_error < 1e-4
    (across,) = relax_against_reference(AcrossTheSlab(), atoms, cell="free", steps=3)
    assert across.stress_error < 1e-4
    if not vacuum_is_periodic:
        (row,) = relax_against_reference(SlabStress(), atoms, cell="free", steps=3)
        assert row.stress_error == pytest.approx(17 / 18, abs=1e-3)
        assert "fail" in status([row], "stress")
        (fixed,) = relax_against_reference(SlabStress(), atoms, cell="fixed", steps=3)
        assert fixed.stress_error is None


class AcrossTheSlab(EMT):
    """A stress that is wrong across the plane, where the cell is fixed."""

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.results["stress"][2:5] += 0.1


def test_constraints_stay():
    atoms = slab()
    atoms.set_constraint(FixAtoms([0, 1]))
    (row,) = relax_against_reference(EMT(), atoms, fmax=0.03)
    assert row.converged
    reference = RelaxedReference("slab", "test", atoms)
    (rattled,) = relax_against_reference(EMT(), reference, start="rattled", fmax=0.03)
    assert rattled.error is None


def test_not_converged_is_a_result():
    stretched = bulk("Cu", cubic=True)
    stretched.set_cell(1.1 * stretched.cell[:], scale_atoms=True)
    (row,) = relax_against_reference(EMT(), known(stretched), steps=1)
    assert not row.converged
    assert row.error is None
    assert row.steps == 1
    assert row.fmax > 0.02
    assert "fail" in status([row], "convergence")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["raise", "nan"])
def test_one_that_fails_is_a_row_among_the_others(how):
    broken = Failing(EMT(), lambda a: "Al" in a.get_chemical_symbols(), how)
    rows = relax_against_reference(broken, [bulk("Cu"), bulk("Al"), bulk("Ni")])
    assert [r.converged for r in rows] == [True, False, True]
    assert ("planted" if how == "raise" else "NaN") in rows[1].error
    assert status(rows, "convergence")["fail"] == ("Al",)


def test_a_calculator_that_breaks_on_the_way():
    calls = {"n": 0}

    def later(atoms):
        calls["n"] += 1
        return calls["n"] > 8

    stretched = bulk("Cu", cubic=True)
    stretched.rattle(0.1, seed=2)
    (row,) = relax_against_reference(Failing(EMT(), later), stretched, cell="fixed", fmax=1e-4)
    assert not row.converged
    assert "planted failure" in row.error
    assert row.force_calls > 1


def test_no_stress_and_a_free_cell():
    class NoStress(Calculator):
        implemented_properties = ["energy", "forces"]

        def calculate(self, atoms=None, properties=None, system_changes=None):
            super().calculate(atoms, properties, system_changes)
            self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}

    free, fixed = (relax_against_reference(NoStress(), bulk("Cu"), cell=c)[0] for c in CELLS)
    assert "no stress" in free.error
    assert fixed.converged


CELLS = ("free", "fixed")


def test_force_calls_count_geometries():
    class Counted(EMT):
        n = 0

        def calculate(self, *args, **kwargs):
            Counted.n += 1
            super().calculate(*args, **kwargs)

    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    (row,) = relax_against_reference(Counted(), atoms, cell="fixed")
    assert row.force_calls == row.steps + 1
    assert Counted.n <= row.force_calls + 1  # and the one that checks the input


def test_first_frame_is_needed_where_it_is_asked_for():
    (row,) = relax_against_reference(EMT(), bulk("Cu"), start="first")
    assert "one frame only" in row.error


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"fmax": -1}, "fmax is -1"),
        ({"fmax": float("nan")}, "fmax is nan"),
        ({"steps": 0}, "steps is 0"),
        ({"optimizer": "Magic"}, "Magic"),
        ({"cell": "loose"}, "loose"),
        ({"start": "anywhere"}, "anywhere"),
    ],
)
def test_bad_settings(options, says):
    with pytest.raises(InputError, match=says):
        relax_against_reference(EMT(), bulk("Cu"), **options)


def test_energies_need_enough_structures():
    def row(name, formula, n, energy, reference, level="PBE"):
        return Relaxation(
            name=name,
            formula=formula,
            n_atoms=n,
            converged=True,
            energy=energy,
            reference_energy=reference,
            level_of_theory=level,
        )

    # offsets of 1.5 and -0.7 eV planted; the truth is otherwise exact
    exact = [
        row("a", "NaCl", 2, -8 + 1.5 - 0.7, -8.0),
        row("b", "Na2Cl", 3, -9 + 3.0 - 0.7, -9.0),
        row("c", "NaCl3", 4, -14 + 1.5 - 2.1, -14.0),
    ]
    found = compare_energies(exact)
    assert [r.energy_error_per_atom for r in found] == pytest.approx([0, 0, 0], abs=1e-12)
    # two structures cannot fix two constants and be judged by them
    assert all(r.energy_error_per_atom is None for r in compare_energies(exact[:2]))
    # an element that one structure alone has fixes nothing
    lonely = row("d", "NaClFe", 3, -1.0, -2.0)
    assert compare_energies([*exact, lonely])[3].energy_error_per_atom is None
    # two levels of theory are not mixed
    other = [dataclasses.replace(r, level_of_theory="r2SCAN") for r in exact[2:]]
    assert all(r.energy_error_per_atom is None for r in compare_energies([*exact[:2], *other]))
    # equal compositions: each is judged by the other, and the error is the whole difference
    pair = [row("e", "Si2", 2, -10.0, -10.0), row("f", "Si2", 2, -9.8, -10.0)]
    errors = [r.energy_error_per_atom for r in compare_energies(pair)]
    assert errors == pytest.approx([-0.1, 0.1])


@pytest.mark.slow
def test_dcdft_with_emt():
    references = dcdft_crystals(["Cu", "Al", "Ni"])
    rows = relax_against_reference(EMT(), references)
    assert [r.name for r in rows] == ["Al", "Ni", "Cu"]
    assert all(r.converged and r.bond_changes == () for r in rows)
    assert all(-5 < r.volume_change_percent < 0 for r in rows)


def test_dcdft_with_chgnet(chgnet):
    """Eight of the 71; the whole set takes a minute and is run by hand and in the benchmark."""
    names = ["Na", "Al", "Si", "Ti", "Cu", "Ge", "Ag", "Pt"]
    rows = relax_against_reference(chgnet, dcdft_crystals(names))
    assert all(r.converged and r.optimizer == "BFGS" and r.force_calls for r in rows)
    assert statistics.median(abs(r.volume_change_percent) for r in rows) < 3
    assert all(r.stress_error < 0.01 for r in rows)


def test_crystals_of_elements_are_evidence_as_far_as_their_bonding_goes():
    sources = [("dcdft", "Cu4"), ("dcdft", "Cl8"), ("wbm-equilibrium", "Cl8"), ("run", "Cl8")]
    rows = [Relaxation("x", source=source, formula=formula) for source, formula in sources]
    found = [Relaxations().evidence(row).tested_on for row in rows]
    assert found == [ELEMENTS, MOLECULAR, PUBLIC, OWN]


def test_caesium_is_at_a_maximum_of_chgnets(chgnet):
    """0 steps were 0.00 %, and its minimum is 7 % away."""
    (row,) = relax_against_reference(chgnet, dcdft_crystals(["Cs"]))
    assert row.converged
    assert row.same_functional
    assert row.volume_change_percent == pytest.approx(-7.0, abs=0.5)
    assert abs(row.to_go_percent) < 0.3
    assert list(status([row], "volume")) == ["fail"]


def test_sevennet_sees_no_bond_in_caesium(sevennet):
    (row,) = relax_against_reference(sevennet, dcdft_crystals(["Cs"]))
    (finding,) = [f for f in judge({"relaxation": [row]}) if f.quantity == "convergence"]
    assert (finding.status, finding.value) == ("fail", "the model sees no bond")
    assert list(status([row], "volume")) == ["not assessed"]


def test_a_users_vasp_run_with_chgnet(chgnet, data_dir):
    (row,) = relax_against_reference(chgnet, data_dir / "vasp" / "Si_relax_atomate")
    assert row.converged
    assert row.cell == "free"
    assert row.reference_volume == pytest.approx(40.90, abs=0.01)
    assert row.volume_change_percent == pytest.approx(-0.64, abs=0.1)
    (bond,) = row.bond_changes
    assert (bond.pair, bond.count) == (("Si", "Si"), 4)
    assert bond.mean_length == pytest.approx(2.368, abs=1e-3)
    assert row.space_group == "Fd-3m (227)"


class Flat(Calculator):
    """No interaction at all."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def calculate(self, atoms=None, properties=None, system_changes=None):
        super().calculate(atoms, properties, system_changes)
        zero = {"forces": np.zeros((len(self.atoms), 3)), "stress": np.zeros(6)}
        self.results = {"energy": 0.0, "free_energy": 0.0, **zero}


def test_no_interaction_is_not_a_crystal_that_keeps_its_volume():
    (row,) = relax_against_reference(Flat(), bulk("Cu"))
    assert row.volume_change_percent == 0
    assert list(status([row], "volume")) == ["not assessed"]
    assert list(status([row], "stress")) == ["not assessed"]


OF_STRUCTURE = ("volume", "bond lengths", "broken and new bonds", "cell angles", "symmetry")


@pytest.mark.slow
def test_a_bare_structure_is_a_start_and_what_moves_is_shown():
    stretched = bulk("Cu", a=3.9, cubic=True)
    (row,) = relax_against_reference(EMT(), stretched)
    assert row.start_only
    assert row.volume_change_percent < -10
    found = {f.quantity: f for f in judge({"relaxation": [row]})}
    # so far no good input goes: that is told, and never worse
    assert {found[quantity].status for quantity in OF_STRUCTURE[:2]} == {"caution"}
    assert {found[quantity].status for quantity in OF_STRUCTURE[2:]} == {"not assessed"}
    assert f"{row.volume_change_percent:+.2f} %" in found["volume"].value
    assert found["volume"].value.endswith("the input is not known to be relaxed")
    assert (found["volume"].tested_on, found["volume"].decides) == (CONSISTENCY, ("relax",))
    # what it tests of the model alone stands
    assert found["convergence"].status == found["stress"].status == "ok"
    (unfinished,) = relax_against_reference(EMT(), stretched, steps=1)
    assert set(status([unfinished], "convergence")) == {"not assessed"}
    (failing,) = relax_against_reference(Failing(EMT(), lambda atoms: True), stretched)
    assert set(status([failing], "convergence")) == {"fail"}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_bare_structure_is_judged_only_where_it_goes_far(sign):
    (row,) = relax_against_reference(EMT(), bulk("Cu", a=3.65, cubic=True))
    assert {*status([row], "volume"), *status([row], "bond lengths")} == {"not assessed"}

    def moved(volume, bond, **facts):
        (pair,) = row.bond_changes
        pair = dataclasses.replace(pair, mean_change=sign * bond / 100 * pair.mean_length)
        other = {"volume_change_percent": sign * volume, "bond_changes": (pair,), **facts}
        found = judge({"relaxation": [dataclasses.replace(row, **other)]})
        return [f.status for q in OF_STRUCTURE[:2] for f in found if f.quantity == q]

    assert moved(9.9, 4.9) == ["not assessed"] * 2
    assert moved(10.1, 5.1) == moved(200.0, 50.0) == ["caution"] * 2
    assert moved(200.0, 50.0, converged=False) == ["not assessed"] * 2
    # a file in another unit moves far, too
    unit = Doubt("unit", "no two atoms are within 5 Å: is its unit right?")
    assert moved(200.0, 50.0, doubts=(unit,)) == ["not assessed"] * 2
    # beside a reference nothing is wider than it was
    assert moved(10.1, 3.1, start_only=False) == ["fail"] * 2


def advised(*rows):
    run = conclude(RunRecord("", CalculatorInfo("x"), {}, {}, {"relaxation": rows}))
    return [a.text for a in run.advice if a.kind == "relaxed structure"]


def test_what_goes_far_from_a_bare_structure_asks_for_the_run_that_relaxed_it():
    facts = {"n_atoms": 4, "cell": "free", "converged": True, "start_only": True}
    near = Relaxation("near", volume_change_percent=2.0, **facts)
    far = Relaxation("far", volume_change_percent=30.0, **facts)
    assert advised(near) == []
    assert advised(near, far) == [
        "Give the run that relaxed far (vasprun.xml): its change is then judged."
    ]
    # beside a reference it is the model
    assert advised(dataclasses.replace(far, start_only=False)) == []


def test_atoms_out_of_reach_put_the_unit_in_doubt():
    bohr = bulk("Cu", a=3.61 / 0.529177 * 2)
    (row,) = relax_against_reference(EMT(), known(bohr), cell="fixed")
    assert [d.kind for d in row.doubts] == ["unit"]
    (finding,) = [f for f in judge({"relaxation": [row]}) if f.quantity == "symmetry"]
    assert finding.status == "not assessed"
    assert "unit" in finding.doubts[0].text
