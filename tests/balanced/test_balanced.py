"""Balanced differences: sums of pairs with known reaction energies, planted errors, conventions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.neighborlist import neighbor_list
from ase.optimize import BFGS

from mlipcheck.check import Context, Skip
from mlipcheck.checks.balanced import BalancedDifferences, find_reactions
from mlipcheck.references.frame_sets import frames_from_atoms
from mlipcheck.references.level_of_theory import correction
from mlipcheck.system import Settings, System
from mlipcheck.verdict import judge

BOND = {"Au-Au": -0.30, "Au-Cu": -0.40, "Cu-Cu": -0.32, "C-Cu": -0.5, "Cu-O": -0.5, "C-O": -10.0}
BOND |= {"Mg-Mg": -0.2, "Mg-O": -1.0, "O-O": -5.0}


class Bonds(Calculator):
    """An energy for each bond of nearest neighbours, and one an atom; no forces."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, atom=None, wrong=None):
        super().__init__()
        self.atom, self.wrong = atom or {}, wrong or {}

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        i, j = neighbor_list("ij", self.atoms, 3.0)
        s = self.atoms.get_chemical_symbols()
        bonds = sum(
            BOND.get("-".join(sorted((s[a], s[b]))), 0.0) for a, b in zip(i, j, strict=True)
        )
        offsets = sum(self.atom.get(x, 0.0) for x in s)
        wrong = self.wrong.get(self.atoms.get_chemical_formula(), 0.0)
        self.results = {
            "energy": bonds / 2 + offsets + wrong,
            "forces": np.zeros((len(s), 3)),
            "stress": np.zeros(6),
        }


def label(atoms, calculator=None, shift=0.0):
    found = atoms.copy()
    found.calc = calculator or Bonds()
    energy = found.get_potential_energy() + shift
    found.calc = SinglePointCalculator(found, energy=energy)
    return found


def metals():
    """Two metals, their alloy, and a vacancy."""
    copper, gold = bulk("Cu", a=3.6, cubic=True), bulk("Au", a=4.08, cubic=True)
    alloy = bulk("Cu", a=3.85, cubic=True)
    alloy.symbols[:2] = "Au"
    vacancy = copper * (2, 2, 2)
    del vacancy[0]
    return [copper, gold, alloy, vacancy]


def set_of(images, calculator=None):
    return frames_from_atoms([label(a, calculator) for a in images], "mine", "mine.xyz")


def rows_of(calculator, labels, **settings):
    check, chosen = BalancedDifferences(), Settings(**settings)
    (task,) = check.tasks(System(None, frames=(labels,)), chosen)
    return {row.name: row for row in check.run(calculator, task, Context(chosen))}


def status(row):
    (finding,) = judge({"balanced": [row]})
    return finding.status


def test_reactions_that_balance_are_found_and_have_known_energies():
    found = {r.name: r for r in find_reactions(set_of(metals()))}
    assert set(found) == {"Cu31 = 31/4 Cu4", "Au2Cu2 = 1/2 Cu4 + 1/2 Au4"}
    alloy, vacancy = (found[name] for name in sorted(found))
    assert alloy.coefficients == (Fraction(1, 2), Fraction(1, 2))
    # twelve bonds less, of which those of the removed atom are half its own
    energies = [f.energy for f in vacancy.frames]
    assert vacancy.energy(energies) == pytest.approx(-6 * BOND["Cu-Cu"])
    # of 24 bonds of four atoms 16 are between unlike ones; an energy a formula unit, of two
    mixing = (16 * BOND["Au-Cu"] + 4 * BOND["Cu-Cu"] + 4 * BOND["Au-Au"]) - 12 * (
        BOND["Cu-Cu"] + BOND["Au-Au"]
    )
    assert alloy.per == 2
    assert alloy.energy([f.energy for f in alloy.frames]) == pytest.approx(mixing / 2)


def test_an_adsorbate_is_slab_and_molecule():
    slab = fcc111("Cu", (2, 2, 3), a=3.6, vacuum=8.0, periodic=True)
    both = slab.copy()
    add_adsorbate(both, molecule("CO"), 1.8, "ontop")
    alone = Atoms("CO", [[0, 0, 0], [0, 0, 1.14]], cell=[12, 12, 12], pbc=True)
    labels = set_of([slab, both, alone])
    assert [f.atoms.get_chemical_formula() for f in labels.left_out] == ["CO"]
    (reaction,) = find_reactions(labels)
    assert sorted(reaction.name.split(" = ")[1].split(" + ")) == ["CO", "Cu12"]
    assert reaction.per == 1


def test_a_perfect_model_has_no_error_and_offsets_cancel():
    labels = set_of(metals())
    for row in rows_of(Bonds({"Cu": 3.0, "Au": -17.0}), labels).values():
        assert row.model == pytest.approx(row.reference)
        assert row.doubts == ()
        assert status(row) == "ok"


def test_labels_of_the_model_itself_judge_nothing():
    (one, *_) = rows_of(Bonds(), set_of(metals())).values()
    assert [d.kind for d in one.doubts] == ["own labels"]
    assert status(one) == "not assessed"


VACANCY, MIXING = "Cu31 = 31/4 Cu4", "Au2Cu2 = 1/2 Cu4 + 1/2 Au4"


@pytest.mark.parametrize(
    ("formula", "error", "resolution", "expected"),
    [
        # of 1.92 eV, a fifth of which is resolved by default
        ("Cu31", 0.3, None, "ok"),
        ("Cu31", 0.5, None, "caution"),
        ("Cu31", 1.3, None, "fail"),
        ("Cu31", 0.15, 0.2, "ok"),
        ("Cu31", 0.05, 0.01, "fail"),
        ("Au2Cu2", 0.08, None, "ok"),
        ("Au2Cu2", 0.15, None, "caution"),
        ("Au2Cu2", 0.35, None, "fail"),
    ],
)
def test_an_error_in_one_composition_is_in_its_own_reaction(formula, error, resolution, expected):
    mine, other = (VACANCY, MIXING) if formula == "Cu31" else (MIXING, VACANCY)
    units = 2 if formula == "Au2Cu2" else 1
    model = Bonds({"Cu": 3.0, "Au": -17.0}, {formula: units * error})
    rows = rows_of(model, set_of(metals()), energy_resolution=resolution)
    assert rows[mine].model - rows[mine].reference == pytest.approx(error)
    assert status(rows[mine]) == expected
    assert status(rows[other]) == "ok"


def test_frames_that_are_not_at_rest_do_not_count():
    images = metals()
    pulled = images[0].copy()
    pulled.positions[0, 0] += 0.3
    pulled.calc = EMT()
    forces, energy = pulled.get_forces(), -100.0
    pulled.calc = SinglePointCalculator(pulled, energy=energy, forces=forces)
    labels = frames_from_atoms([*(label(a) for a in images), pulled], "mine", "mine.xyz")
    reaction = next(r for r in find_reactions(labels) if len(r.reactants) == 1)
    assert reaction.reactants[0].energy != energy


def test_cells_of_one_crystal_are_no_reaction():
    copper = bulk("Cu", a=3.6, cubic=True)
    assert find_reactions(set_of([copper, copper * 2])) == []
    (skip,) = BalancedDifferences().tasks(
        System(None, frames=(set_of([copper, copper * 2]),)), Settings()
    )
    assert isinstance(skip, Skip)


def test_a_model_that_fails_on_one_state_fails_its_reactions():
    class Breaks(Bonds):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            if len(atoms) == 31:
                raise RuntimeError("out of order")
            super().calculate(atoms, properties, system_changes)

    rows = rows_of(Breaks({"Cu": 1.0}), set_of(metals()))
    assert status(rows["Cu31 = 31/4 Cu4"]) == "fail"
    assert status(rows["Au2Cu2 = 1/2 Cu4 + 1/2 Au4"]) == "ok"


def test_emt_vacancy_against_emt_of_another_stiffness():
    """Labels of EMT, relaxed; a model with 0.7 of its energies has 0.7 of the formation energy."""
    images = []
    for atoms in metals()[::3]:
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.02)
        images.append(label(atoms, EMT()))
    (row,) = rows_of(EMT(), frames_from_atoms(images, "mine", "mine.xyz")).values()
    assert row.reference == pytest.approx(1.1, abs=0.3)
    assert row.model == pytest.approx(row.reference)


@pytest.mark.slow
@pytest.mark.usefixtures("pymatgen")
def test_corrections_of_the_checkpoint_are_taken_into_account():
    oxide = bulk("MgO", "rocksalt", a=4.21)
    metal = bulk("Mg", "hcp", a=2.9, c=4.7)
    gas = Atoms("O2", [[0, 0, 0], [0, 0, 1.23]], cell=[12, 12, 12], pbc=True)
    labels = set_of([oxide, metal, gas])

    class Corrected(Bonds):
        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            self.results["energy"] += correction(self.atoms)

    model = Corrected({"Mg": 1.0, "O": 2.0})
    (row,) = rows_of(model, labels, energies="mp2020").values()
    assert row.name.startswith("MgO = ")
    assert row.convention == "mp2020"
    assert row.reference == pytest.approx(row.model)
    (raw,) = rows_of(model, labels, energies="raw").values()
    # of an oxide, an O (Wang et al. 2021)
    assert raw.model - raw.reference == pytest.approx(-0.687)


def test_a_model_without_energies_is_not_judged():
    class ForcesOnly(Bonds):
        implemented_properties = ["forces"]

    for row in rows_of(ForcesOnly(), set_of(metals())).values():
        assert (row.model, row.error, row.unknown) == (None, None, "the model gives no energy")
        assert row.reference is not None
        assert status(row) == "not assessed"


def test_frames_without_energies_beside_a_molecule_make_no_reaction():
    """The molecule alone does not say which zero of energy the others have."""
    forces_only = bulk("Cu", a=3.6, cubic=True)
    forces_only.calc = SinglePointCalculator(forces_only, forces=np.zeros((4, 3)))
    alone = Atoms("CO", [[0, 0, 0], [0, 0, 1.14]], cell=[12, 12, 12], pbc=True)
    labels = frames_from_atoms([forces_only, label(alone)], "mine", "mine.xyz")
    assert [f.atoms.get_chemical_formula() for f in labels.left_out] == ["CO"]
    assert find_reactions(labels) == []
