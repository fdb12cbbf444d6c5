"""The RBF-ridge model: published errors of the toy, the closed form of its fit, and its files."""

from __future__ import annotations

import itertools
import math
import os
import pickle

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, InputError

from mlipcheck import RBFRidge, RBFRidgeCalculator, get_calculator

CENTERS, WIDTH = np.array([0.9, 1.3, 1.7, 2.1, 2.5]), 0.3


def morse(r):
    """V(r) of the toy in eV, zero at r0 = 1.1 Å; written out here, not taken from the package."""
    return (1 - math.exp(-1.7 * (r - 1.1))) ** 2


def dimer(r, symbols="H2"):
    return Atoms(symbols, positions=[[0, 0, 0], [r, 0, 0]])


def energy_of(atoms, calculator):
    atoms = atoms.copy()
    atoms.calc = calculator
    return atoms.get_potential_energy()


def design(r):
    """Return the features of dimers at ``r``: Gaussians, then one."""
    gaussians = [[math.exp(-(((x - c) / WIDTH) ** 2)) for c in CENTERS] for x in r]
    return np.column_stack([gaussians, np.ones(len(r))])


def force_design(r):
    """Return -d/dr of `design`."""
    x = (np.asarray(r)[:, None] - CENTERS) / WIDTH
    return np.column_stack([2 * x / WIDTH * np.exp(-(x**2)), np.zeros(len(r))])


@pytest.fixture
def distances():
    return np.random.default_rng(1).uniform(0.8, 2.6, 40)


# The toy: numbers that were published, and the exact curve


@pytest.mark.parametrize(("r", "error"), [(1.05, 0.000), (0.85, 0.138), (2.20, 0.634)])
def test_toy_has_its_published_errors(r, error):
    found = energy_of(dimer(r), get_calculator("toy"))
    assert abs(found - (morse(r) - 1)) == pytest.approx(error, abs=1e-3)


def test_toy_is_soft_on_the_wall():
    toy = get_calculator("toy")
    model_rise = energy_of(dimer(0.80), toy) - energy_of(dimer(1.05), toy)
    assert 0 < model_rise < 0.8 * (morse(0.80) - morse(1.05))


@pytest.mark.parametrize("r", [0.3, 0.5, 0.85, 1.05, 1.1, 1.6, 2.2, 4.0, 7.5, 20.0])
@pytest.mark.parametrize(("spec", "tolerance"), [("toy:wide", 1e-4), ("toy:exact", 1e-11)])
def test_wide_and_exact_are_the_morse_curve(spec, tolerance, r):
    assert energy_of(dimer(r), get_calculator(spec)) == pytest.approx(morse(r) - 1, abs=tolerance)


def triangle():
    return np.array([[0, 0, 0], [1, 0, 0], [0.5, math.sqrt(3) / 2, 0]])


def octahedron():
    return np.array([s * axis for axis in np.eye(3) for s in (-1, 1)]) / math.sqrt(2)


def icosahedron():
    golden = (1 + math.sqrt(5)) / 2
    corners = [(0, s, t * golden) for s in (-1, 1) for t in (-1, 1)]
    turned = [np.roll(c, k) for c in corners for k in range(3)]
    return np.array([np.zeros(3), *turned]) / 2


@pytest.mark.parametrize("shape", [triangle, octahedron, icosahedron])
@pytest.mark.parametrize("rattle", [0.0, 0.05])
@pytest.mark.parametrize("spacing", [0.8, 1.1, 1.7])
@pytest.mark.parametrize("spec", ["toy:wide", "toy:exact"])
def test_clusters_are_sums_over_morse_pairs(shape, rattle, spacing, spec):
    atoms = Atoms(positions=spacing * shape())
    assert len(atoms) in (3, 6, 13)
    atoms.rattle(rattle, seed=7)
    pairs = itertools.combinations(atoms.positions, 2)
    expected = sum(morse(math.dist(a, b)) - 1 for a, b in pairs)
    assert energy_of(atoms, get_calculator(spec)) == pytest.approx(expected, abs=1e-3)


# The fit


@pytest.mark.parametrize("with_forces", [False, True])
@pytest.mark.parametrize("with_prior", [False, True])
def test_fit_is_the_closed_form(distances, with_forces, with_prior):
    rng, ridge = np.random.default_rng(2), 0.03
    a, y = design(distances), rng.normal(size=len(distances))
    forces = rng.normal(size=len(distances)) if with_forces else None
    prior = rng.normal(size=a.shape[1]) if with_prior else np.zeros(a.shape[1])
    model = RBFRidge(CENTERS, WIDTH).fit(
        distances, y, forces, ridge=ridge, prior=prior if with_prior else None
    )
    if with_forces:
        a, y = np.vstack([a, force_design(distances)]), np.append(y, forces)
    normal = a.T @ a + ridge * np.eye(a.shape[1])
    expected = prior + np.linalg.solve(normal, a.T @ (y - a @ prior))
    np.testing.assert_allclose(model.weights, expected, rtol=1e-10, atol=1e-12)


def test_a_fitted_model_is_a_prior(distances):
    y = np.cos(distances)
    first = RBFRidge(CENTERS, WIDTH).fit(distances, np.sin(distances), ridge=0.1)
    by_model = RBFRidge(CENTERS, WIDTH).fit(distances, y, ridge=0.1, prior=first)
    by_weights = RBFRidge(CENTERS, WIDTH).fit(distances, y, ridge=0.1, prior=first.weights)
    np.testing.assert_allclose(by_model.weights, by_weights.weights)
    assert not np.allclose(by_model.weights, first.weights)


def test_huge_ridge_gives_the_prior(distances):
    prior = np.arange(1.0, 7.0)
    model = RBFRidge(CENTERS, WIDTH).fit(distances, np.cos(distances), ridge=1e12, prior=prior)
    np.testing.assert_allclose(model.weights, prior, atol=1e-8)


@pytest.mark.parametrize("prior", [None, np.arange(6.0)])
def test_zero_ridge_gives_least_squares(distances, prior):
    y = np.cos(distances)
    model = RBFRidge(CENTERS, WIDTH).fit(distances, y, ridge=0, prior=prior)
    expected = np.linalg.pinv(design(distances)) @ y
    np.testing.assert_allclose(model.weights, expected, rtol=1e-8, atol=1e-10)


def test_zero_ridge_stays_nearest_to_the_prior_where_data_are_few():
    r, y, prior = np.array([1.0, 2.0]), np.array([0.3, -0.2]), np.arange(6.0)
    model = RBFRidge(CENTERS, WIDTH).fit(r, y, ridge=0, prior=prior)
    expected = prior + np.linalg.pinv(design(r)) @ (y - design(r) @ prior)
    np.testing.assert_allclose(model.weights, expected, rtol=1e-10)
    np.testing.assert_allclose(model.predict(r), y, atol=1e-12)


def test_planted_weights_are_found_again(distances):
    planted = np.array([3.0, -1.0, 0.5, 2.0, -0.7, 0.25])
    model = RBFRidge(CENTERS, WIDTH).fit(distances, design(distances) @ planted, ridge=0)
    np.testing.assert_allclose(model.weights, planted, rtol=1e-9)
    np.testing.assert_allclose(model.curves(), [planted[:-1]], rtol=1e-9)
    np.testing.assert_allclose(model.offsets(), planted[-1:], rtol=1e-9)


def test_forces_alone_fix_the_curve_but_not_the_offset(distances):
    planted = np.array([3.0, -1.0, 0.5, 2.0, -0.7, 0.0])
    labels = force_design(distances) @ planted
    model = RBFRidge(CENTERS, WIDTH, offset=False)
    model.fit(distances[:1], design(distances[:1]) @ planted, labels[:1], ridge=1e-3)
    assert not np.allclose(model.weights, planted[:-1], atol=1e-3)
    energies = design(distances) @ planted
    model.fit(distances, energies, labels, ridge=0)
    np.testing.assert_allclose(model.weights, planted[:-1], rtol=1e-9)


@pytest.mark.parametrize("offset", [True, False])
def test_images_and_distances_are_the_same_for_dimers(distances, offset):
    y, images = np.cos(distances), [dimer(r) for r in distances]
    model = RBFRidge(CENTERS, WIDTH, offset=offset)
    by_distance = model.fit(distances, y, ridge=1e-3).weights
    energies, along = model.predict(distances, forces=True)
    by_image = model.fit(images, y, ridge=1e-3).weights
    np.testing.assert_allclose(by_image, by_distance, rtol=1e-8, atol=1e-10)
    image_energies, image_forces = model.predict(images, forces=True)
    np.testing.assert_allclose(image_energies, energies, atol=1e-10)
    for f, forces in zip(along, image_forces, strict=True):
        np.testing.assert_allclose(forces, [[-f, 0, 0], [f, 0, 0]], atol=1e-8)


def test_predict_agrees_with_the_calculator(distances):
    model = RBFRidge(CENTERS, WIDTH).fit(distances, np.cos(distances), ridge=1e-3)
    rng = np.random.default_rng(3)
    images = [
        Atoms(positions=rng.uniform(0, 2.5, (n, 3)), cell=[3, 3.5, 4], pbc=pbc, numbers=[6] * n)
        for n, pbc in [(1, False), (4, False), (5, True), (3, (True, False, True))]
    ]
    energies, forces = model.predict(images, forces=True)
    np.testing.assert_allclose(model.predict(images), energies, atol=1e-12)
    for atoms, energy, force in zip(images, energies, forces, strict=True):
        atoms.calc = RBFRidgeCalculator(model)
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-10)
        np.testing.assert_allclose(atoms.get_forces(), force, atol=1e-10)


def test_predict_of_nothing_is_nothing():
    energies, forces = RBFRidge(CENTERS, WIDTH).predict([], forces=True)
    assert len(energies) == len(forces) == 0


# One curve for every pair of species

SPECIES = ("Cl", "K", "Na")
PAIR_WEIGHTS = {
    frozenset(pair): np.array([3.0 + k, -1.0 - 0.3 * k, 0.2 * k, 0.1])
    for k, pair in enumerate(itertools.combinations_with_replacement(SPECIES, 2))
}
OFFSETS = {"Cl": -1.5, "K": 0.5, "Na": 2.0}
PAIR_CENTERS, PAIR_WIDTH = np.array([1.5, 2.2, 2.9, 3.6]), 0.5


def planted_energy(atoms):
    """Sum the planted curves over pairs, one pair at a time."""
    energy = sum(OFFSETS[s] / 2 for s in atoms.symbols)
    for (s, a), (t, b) in itertools.combinations(
        zip(atoms.symbols, atoms.positions, strict=True), 2
    ):
        gaussians = np.exp(-(((math.dist(a, b) - PAIR_CENTERS) / PAIR_WIDTH) ** 2))
        energy += float(gaussians @ PAIR_WEIGHTS[frozenset((s, t))])
    return energy


def salt_clusters(seed, count):
    rng = np.random.default_rng(seed)
    sites = np.array(list(np.ndindex(2, 2, 2))) * 2.2
    return [
        Atoms(rng.choice(SPECIES, n), positions=sites[:n] + rng.uniform(-0.5, 0.5, (n, 3)))
        for n in rng.integers(2, 9, count)
    ]


@pytest.fixture(scope="module")
def salt_model():
    images = salt_clusters(5, 150)
    labels = [planted_energy(atoms) for atoms in images]
    return RBFRidge(PAIR_CENTERS, PAIR_WIDTH, species=SPECIES[::-1]).fit(images, labels, ridge=0)


def test_planted_pair_curves_are_found_again(salt_model):
    assert salt_model.species == SPECIES
    for pair, curve in zip(salt_model.pairs, salt_model.curves(), strict=True):
        np.testing.assert_allclose(curve, PAIR_WEIGHTS[frozenset(pair)], atol=1e-6)
    np.testing.assert_allclose(salt_model.offsets(), [OFFSETS[s] for s in SPECIES], atol=1e-6)


def test_species_calculator_returns_the_planted_energies(salt_model):
    calculator = RBFRidgeCalculator(salt_model)
    for atoms in salt_clusters(6, 10):
        assert energy_of(atoms, calculator) == pytest.approx(planted_energy(atoms), abs=1e-6)
    assert energy_of(Atoms("Na"), calculator) == pytest.approx(OFFSETS["Na"] / 2, abs=1e-6)


def test_species_forces_and_energies_agree_between_model_and_calculator(salt_model):
    images = salt_clusters(8, 5)
    energies, forces = salt_model.predict(images, forces=True)
    for atoms, energy, force in zip(images, energies, forces, strict=True):
        atoms.calc = RBFRidgeCalculator(salt_model)
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-10)
        np.testing.assert_allclose(atoms.get_forces(), force, atol=1e-10)
    again = RBFRidge(PAIR_CENTERS, PAIR_WIDTH, species=SPECIES)
    again.fit(images, energies, forces, ridge=1e-12)
    np.testing.assert_allclose(again.predict(images), energies, atol=1e-4)


@pytest.mark.parametrize("offset", [True, False])
@pytest.mark.parametrize("symbols", ["NaBr", "Br"])
def test_an_element_without_a_curve_is_refused(offset, symbols):
    model = RBFRidge(PAIR_CENTERS, PAIR_WIDTH, species=["Na", "Cl"], offset=offset)
    atoms = Atoms(symbols, positions=2.0 * np.eye(3)[: len(Atoms(symbols))])
    with pytest.raises(InputError, match=r"Cl, Na only, not for Br"):
        energy_of(atoms, RBFRidgeCalculator(model))
    if offset or len(atoms) > 1:
        with pytest.raises(InputError, match="Br"):
            model.predict([atoms])


def test_distances_are_refused_by_a_model_with_species(salt_model):
    with pytest.raises(InputError, match="species"):
        salt_model.predict(np.array([1.0, 2.0]))


# Files


@pytest.mark.parametrize("offset", [True, False])
@pytest.mark.parametrize("species", [None, ("Cl", "Na")])
def test_saved_and_loaded_models_are_equal(tmp_path, species, offset):
    model = RBFRidge(PAIR_CENTERS, PAIR_WIDTH, species=species, offset=offset)
    model.weights = np.random.default_rng(4).normal(size=len(model.weights))
    path = tmp_path / "model.npz"
    model.save(path)
    found = RBFRidge.load(path)
    assert found.todict() == model.todict()
    images = [dimer(r, "NaCl") for r in (1.5, 2.0, 3.0)]
    np.testing.assert_allclose(found.predict(images), model.predict(images))
    assert os.listdir(tmp_path) == ["model.npz"]
    with np.load(path, allow_pickle=False) as data:
        assert all(data[name].dtype.kind != "O" for name in data.files)


class Bomb:
    """Leaves a file behind if anyone unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def archive(path, **changes):
    arrays = {"centers": CENTERS, "width": WIDTH, "species": np.array((), "U2"), "offset": True}
    np.savez(path, **(arrays | {"weights": np.zeros(6)} | changes))


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda p: p.write_text("weights: 1 2 3\n"), id="text"),
        pytest.param(lambda p: p.write_bytes(b""), id="empty"),
        pytest.param(lambda p: p.write_bytes(b"PK\x03\x04 cut off"), id="broken zip"),
        pytest.param(lambda p: p.write_bytes(pickle.dumps(Bomb(f"{p}.boom"))), id="pickle"),
        pytest.param(
            lambda p: archive(p, weights=np.array([Bomb(f"{p}.boom")] * 6, object)), id="object"
        ),
        pytest.param(lambda p: np.savez(p, other=1), id="other arrays"),
        pytest.param(lambda p: archive(p, weights=np.zeros(5)), id="too few weights"),
        pytest.param(lambda p: archive(p, width=-1.0), id="bad width"),
        pytest.param(lambda p: archive(p, species=np.array(["Xx"])), id="no element"),
    ],
)
def test_other_files_are_refused(tmp_path, write):
    path = tmp_path / "model.npz"
    write(path)
    with pytest.raises(CalculatorSetupError, match=r"model\.npz"):
        RBFRidge.load(path)
    assert not os.path.exists(f"{path}.boom")


def test_the_archive_of_the_tests_above_is_a_model_unless_spoilt(tmp_path):
    archive(tmp_path / "model.npz")
    assert RBFRidge.load(tmp_path / "model.npz").todict() == RBFRidge(CENTERS, WIDTH).todict()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        RBFRidge.load(tmp_path / "nothing.npz")


# Mistakes


@pytest.mark.parametrize(
    ("centers", "width", "species", "message"),
    [
        ([], 0.1, None, "centers"),
        ([[1.0, 2.0]], 0.1, None, "centers"),
        ([1.0, np.nan], 0.1, None, "centers"),
        ([1.0], 0.0, None, "width"),
        ([1.0], -0.1, None, "width"),
        ([1.0], np.nan, None, "width"),
        ([1.0], 0.1, ["Na", "Xx"], "Xx"),
        ([1.0], 0.1, [], "species"),
    ],
)
def test_bad_models_are_refused(centers, width, species, message):
    with pytest.raises(InputError, match=message):
        RBFRidge(centers, width, species=species)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": [], "energies": []}, "0 structures"),
        ({"energies": [1.0]}, "2 structures"),
        ({"energies": [1.0, np.nan]}, "label"),
        ({"forces": [1.0, np.inf]}, "label"),
        ({"forces": [1.0]}, "force components"),
        ({"data": [dimer(1), dimer(2)], "forces": [[[1, 0, 0]], [[1, 0, 0]]]}, "force components"),
        ({"ridge": -1e-3}, "ridge"),
        ({"ridge": np.nan}, "ridge"),
        ({"prior": np.zeros(5)}, "prior"),
        ({"prior": RBFRidge([1.0], 0.1)}, "prior"),
        ({"prior": RBFRidge(CENTERS + 1, WIDTH)}, "prior"),
        ({"data": [1.0, np.nan]}, "NaN"),
        ({"data": np.ones((2, 3))}, "shape"),
    ],
)
def test_bad_data_are_refused(changes, message):
    arguments = {"data": [1.0, 2.0], "energies": [0.5, 0.1], "ridge": 1e-3} | changes
    with pytest.raises(InputError, match=message):
        RBFRidge(CENTERS, WIDTH).fit(arguments.pop("data"), **arguments)


@pytest.mark.parametrize("model", [None, "toy"])
def test_a_calculator_of_something_else_is_refused(model):
    with pytest.raises(InputError, match="model"):
        RBFRidgeCalculator(model)
