"""Pair potentials as ASE calculators: derivatives, periodicity, and what `set` forgets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import InputError, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from mlipcheck import MorseCalculator, RBFRidge, RBFRidgeCalculator, get_calculator
from mlipcheck.calculators.neighbours import half_neighbour_list

MIXES = list(itertools.product([True, False], repeat=3))
SPECS = ["toy", "toy:wide", "toy:exact"]
# Central differences at 1e-5 Å of energies of some 10 eV: good to 1e-7 eV/Å.
STEP, TOLERANCE = 1e-5, 1e-6


def few(count):
    return settings(max_examples=count, derandomize=True, deadline=None, database=None)


def random_atoms(seed, pbc, *, smallest=1.6, largest=4.5, most=4):
    """Return atoms in a skewed cell; directions that are not periodic may lack a vector."""
    rng = np.random.default_rng(seed)
    while True:
        cell = np.diag(rng.uniform(smallest, largest, 3)) + rng.uniform(-0.4, 0.4, (3, 3))
        n = int(rng.integers(1, most + 1))
        positions = rng.uniform(-1, 2, (n, 3)) @ cell
        cell[[not p and rng.random() < 0.5 for p in np.broadcast_to(pbc, 3)]] = 0
        numbers = rng.choice([1, 11, 17], n)
        atoms = Atoms(numbers=numbers, positions=positions, cell=cell, pbc=pbc)
        if not len(neighbor_list("d", atoms, 0.5)):
            return atoms


def assert_derivatives(atoms, calculator):
    """Hold forces and stress against central differences of the energy."""
    atoms.calc = calculator
    forces = atoms.get_forces()
    expected = calculate_numerical_forces(atoms, eps=STEP)
    np.testing.assert_allclose(forces, expected, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-9)
    if atoms.pbc.all():
        stress = calculate_numerical_stress(atoms, eps=STEP)
        np.testing.assert_allclose(atoms.get_stress(), stress, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("pbc", MIXES)
@given(seed=st.integers(0, 2**32 - 1))
@few(15)
def test_derivatives_of_the_toy(pbc, seed):
    assert_derivatives(random_atoms(seed, pbc), get_calculator("toy"))


@pytest.fixture(scope="module")
def calculators():
    return {spec: get_calculator(spec) for spec in SPECS}


@pytest.mark.slow
@pytest.mark.parametrize("pbc", MIXES)
@given(seed=st.integers(0, 2**32 - 1))
@few(8)
def test_derivatives_of_the_wide_toy(calculators, pbc, seed):
    assert_derivatives(random_atoms(seed, pbc, smallest=2.5, most=3), calculators["toy:wide"])


@pytest.mark.parametrize("pbc", MIXES)
@given(seed=st.integers(0, 2**32 - 1))
@few(4)
def test_derivatives_of_the_exact_toy(calculators, pbc, seed):
    assert_derivatives(random_atoms(seed, pbc, smallest=4, largest=6), calculators["toy:exact"])


@pytest.mark.slow
@given(seed=st.integers(0, 2**32 - 1))
@few(15)
def test_derivatives_with_a_curve_for_every_pair(seed):
    model = RBFRidge([1.0, 1.8, 2.6], 0.5, species=["H", "Na", "Cl"])
    model.weights = np.random.default_rng(3).normal(size=len(model.weights))
    assert_derivatives(random_atoms(seed, True), RBFRidgeCalculator(model))


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("n", [1, 2])
def test_derivatives_among_self_images(calculators, spec, n):
    cell = [[1.3, 0, 0], [0.2, 1.5, 0], [0, 0.3, 1.4]] if spec == "toy" else np.diag([2.5, 3, 3])
    atoms = Atoms("H2", positions=[[0.1, 0, 0], [0.7, 0.8, 0.6]], cell=cell, pbc=True)[:n]
    assert_derivatives(atoms, calculators[spec])
    assert abs(atoms.get_stress()).max() > 1e-3


def phi(spec, calculator):
    """Return the pair energy of a toy, written out here."""
    if spec == "toy:exact":
        return lambda r: (1 - np.exp(-1.7 * (r - 1.1))) ** 2 - 1, 0.0
    model = calculator.model
    curve, offset = model.weights[: len(model.centers)], model.weights[len(model.centers) :].sum()
    return lambda r: np.exp(-(((r[:, None] - model.centers) / model.width) ** 2)) @ curve, offset


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("pbc", MIXES)
def test_energies_agree_with_the_neighbour_list_of_ase(calculators, spec, pbc):
    calculator = calculators[spec]
    low = {"toy": 1.6, "toy:wide": 3.0, "toy:exact": 6.0}[spec]
    atoms = random_atoms(11, pbc, smallest=low, largest=1.3 * low)
    atoms += Atoms("Na", positions=[atoms.positions[0] + 0.8])
    i, d = neighbor_list("id", atoms, 1.2 * calculator.cutoff)  # nothing is left beyond the cutoff
    curve, offset = phi(spec, calculator)
    expected = np.bincount(i, 0.5 * curve(d), len(atoms)) + offset / 2
    atoms.calc = calculator
    np.testing.assert_allclose(atoms.get_potential_energies(), expected, atol=1e-8)
    assert atoms.get_potential_energy() == pytest.approx(expected.sum(), abs=1e-8)


@pytest.mark.parametrize("pbc", MIXES)
def test_half_list_holds_every_pair_once(pbc):
    atoms = random_atoms(5, pbc, most=6)
    i, j, d, vectors, shifts = half_neighbour_list(atoms, 4.0, "ijdDS")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), d)
    expected = atoms.positions[j] - atoms.positions[i] + shifts @ atoms.cell[:]
    np.testing.assert_allclose(vectors, expected, atol=1e-12)
    both = [
        *zip(i, j, map(tuple, shifts), strict=True),
        *zip(j, i, map(tuple, -shifts), strict=True),
    ]
    full = neighbor_list("ijS", atoms, 4.0)
    assert sorted(both) == sorted(zip(full[0], full[1], map(tuple, full[2]), strict=True))


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_delivered(calculators, spec):
    atoms = bulk("Na", "sc", a=4.0) * (2, 1, 1)
    atoms.rattle(0.1, seed=1)
    atoms.calc = calculators[spec]
    energies = atoms.get_potential_energies()
    assert energies.shape == (2,)
    assert energies.sum() == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
    consistent = atoms.get_potential_energy(force_consistent=True)
    assert consistent == atoms.get_potential_energy()
    assert atoms.get_forces().shape == (2, 3)
    assert atoms.get_stress().shape == (6,)
    assert type(atoms.get_potential_energy()) is float
    assert set(atoms.calc.results) == set(atoms.calc.implemented_properties)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("pbc", [mix for mix in MIXES if not all(mix)])
def test_stress_needs_three_periodic_directions(calculators, spec, pbc):
    atoms = Atoms("H2", positions=[[0, 0, 0], [1.2, 0, 0]], cell=[6, 6, 6], pbc=pbc)
    atoms.calc = calculators[spec]
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()
    assert np.isfinite(atoms.get_forces()).all()
    assert "stress" not in atoms.calc.results


@pytest.mark.parametrize("spec", SPECS)
def test_one_atom_alone(calculators, spec):
    atoms = Atoms("H")
    atoms.calc = calculators[spec]
    _, offset = phi(spec, atoms.calc)
    assert atoms.get_potential_energy() == pytest.approx(offset / 2, abs=1e-12)
    np.testing.assert_array_equal(atoms.get_forces(), np.zeros((1, 3)))


def test_a_supercell_has_twice_the_energy(calculators):
    atoms = random_atoms(3, True)
    atoms.calc = calculators["toy"]
    double = atoms * (1, 2, 1)
    double.calc = calculators["toy"]
    assert double.get_potential_energy() == pytest.approx(2 * atoms.get_potential_energy())
    np.testing.assert_allclose(double.get_stress(), atoms.get_stress(), atol=1e-10)


# A periodic direction without a vector would end the process inside vesin (SIGFPE).


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("cell", "pbc"),
    [
        (None, True),
        (None, (False, True, False)),
        ([3, 3, 0], True),
        ([3, 0, 3], (True, True, False)),
        ([[3, 0, 0], [6, 0, 0], [0, 0, 3]], True),
        ([[1, 1, 0], [0, 1, 1], [1, 2, 1]], True),
    ],
    ids=["no cell", "one direction", "no third", "no second", "parallel", "in one plane"],
)
def test_a_periodic_direction_without_a_vector_is_refused(calculators, spec, cell, pbc):
    atoms = Atoms("H2", positions=[[0, 0, 0], [1.2, 0, 0]], cell=cell, pbc=pbc)
    atoms.calc = calculators[spec]
    with pytest.raises(InputError, match="give every periodic direction a vector"):
        atoms.get_potential_energy()


# Parameters


@pytest.fixture
def dimer():
    return Atoms("H2", positions=[[0, 0, 0], [1.3, 0, 0]])


def test_a_deeper_well_after_set(dimer):
    dimer.calc = MorseCalculator()
    energy, forces = dimer.get_potential_energy(), dimer.get_forces()
    assert dimer.calc.set(well_depth=2.0) == {"well_depth": 2.0}
    assert dimer.get_potential_energy() == pytest.approx(2 * energy, abs=1e-12)
    np.testing.assert_allclose(dimer.get_forces(), 2 * forces, atol=1e-12)


@pytest.mark.parametrize(("name", "value"), [("a", 1.0), ("r0", 1.5)])
def test_no_old_result_after_set(dimer, name, value):
    dimer.calc = MorseCalculator()
    dimer.get_potential_energy()
    dimer.calc.set(**{name: value})
    changed = dimer.get_potential_energy()
    dimer.calc = MorseCalculator(**{name: value})
    assert changed == dimer.get_potential_energy()
    a, r0 = dimer.calc.parameters["a"], dimer.calc.parameters["r0"]
    assert changed == pytest.approx((1 - np.exp(-a * (1.3 - r0))) ** 2 - 1, abs=1e-11)


def test_another_model_after_set(dimer):
    first, second = get_calculator("toy").model, get_calculator("toy:wide").model
    dimer.positions[1, 0] = 0.85
    dimer.calc = RBFRidgeCalculator(first)
    assert dimer.get_potential_energy() == pytest.approx(first.predict([dimer])[0])
    dimer.calc.set(model=second)
    assert dimer.get_potential_energy() == pytest.approx(second.predict([dimer])[0])
    assert dimer.calc.cutoff == second.cutoff != first.cutoff


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: MorseCalculator(well_dept=2.0), "did you mean 'well_depth'"),
        (lambda: MorseCalculator().set(well_dept=2.0), "did you mean 'well_depth'"),
        (lambda: MorseCalculator().set(sigma=2.0), "known: a, r0, well_depth"),
        (lambda: RBFRidgeCalculator(RBFRidge([1.0], 0.1), modell=1), "did you mean 'model'"),
        (lambda: RBFRidgeCalculator(RBFRidge([1.0], 0.1)).set(mode=1), "did you mean 'model'"),
    ],
)
def test_misspelt_keywords_are_refused(make, hint):
    with pytest.raises(InputError, match=hint):
        make()


@pytest.mark.parametrize("name", ["well_depth", "a", "r0"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_parameters_are_positive(name, value):
    with pytest.raises(InputError, match=name):
        MorseCalculator(**{name: value})


def test_a_refused_set_changes_nothing(dimer):
    dimer.calc = MorseCalculator()
    energy = dimer.get_potential_energy()
    with pytest.raises(InputError):
        dimer.calc.set(well_depth=5.0, r00=1.0)
    assert dimer.get_potential_energy() == energy
    assert dimer.calc.parameters["well_depth"] == 1.0
