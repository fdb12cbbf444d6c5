"""Many structures at once: order, bounds of a batch, and one failure that stays alone."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, InputError, PropertyNotImplementedError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.neighborlist import neighbor_list

from mlipcheck import evaluate, get_calculator
from mlipcheck.calculators.base import Evaluation
from mlipcheck.calculators.evaluate import default_max_edges, describe_error, floating_type


def dimer(r, symbols="H2", **kwargs):
    return Atoms(symbols, positions=[[0, 0, 0], [r, 0, 0]], **kwargs)


def morse(r):
    return (1 - np.exp(-1.7 * (r - 1.1))) ** 2 - 1


class Ruler(Calculator):
    """Energy: the sum of all x; forces: -1 along x. Misbehaves for the elements below."""

    implemented_properties = ["energy", "forces", "stress", "energies", "magmoms"]
    seen: list[Atoms]

    def __init__(self):
        super().__init__()
        self.seen = []

    def calculate(self, atoms=None, properties=None, system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.seen.append(atoms)
        self.results = vars(self.of(atoms))

    def of(self, atoms):
        n, symbols = len(atoms), set(atoms.symbols)
        if "Xe" in symbols:
            raise RuntimeError("no xenon\nin this shop")
        forces = np.tile([-1.0, 0, 0], (n, 1))
        if "He" in symbols:
            forces[0, 0] = np.nan
        if "Ne" in symbols:
            forces = forces.ravel()
        energies = atoms.positions[:, 0].copy()
        energy = np.inf if "Ar" in symbols else float(energies.sum())
        stress = np.eye(3) if "Kr" in symbols else np.arange(6.0)
        return Evaluation(energy, forces, stress, energies, magmoms=np.ones(n))


class Batched(Ruler):
    """The same, many at once: notes every batch, and has memory for ``room`` structures."""

    cutoff = 3.0

    def __init__(self, room=1000):
        super().__init__()
        self.room, self.batches = room, []

    def evaluate_batch(self, images, properties):
        self.batches.append(list(images))
        if len(images) > self.room:
            raise MemoryError("too many")
        return [self.of(atoms) for atoms in images]


BOTH = pytest.mark.parametrize("make", [Ruler, Batched], ids=["one by one", "batched"])


# Order and content


@pytest.mark.parametrize("spec", ["toy:exact", "toy:wide"])
def test_energies_and_forces_in_the_order_given(spec):
    radii = np.random.default_rng(1).uniform(0.7, 3, 30)
    found = evaluate(get_calculator(spec), (dimer(r) for r in radii))
    np.testing.assert_allclose([e.energy for e in found], morse(radii), atol=1e-4)
    h = 1e-4
    slopes = (morse(radii + h) - morse(radii - h)) / (2 * h)
    np.testing.assert_allclose([e.forces[1, 0] for e in found], -slopes, atol=1e-2)
    assert all(e.error is None and e.stress is None and e.magmoms is None for e in found)


@BOTH
def test_mixed_sizes_keep_their_order(make):
    sizes = np.random.default_rng(2).integers(1, 30, 40)
    images = [Atoms(f"H{n}", positions=np.arange(3 * n).reshape(n, 3)) for n in sizes]
    found = evaluate(make(), images, max_edges=300)
    assert [len(e.forces) for e in found] == list(sizes)
    assert [e.energy for e in found] == [a.positions[:, 0].sum() for a in images]


@BOTH
def test_nothing_in_nothing_out(make):
    assert evaluate(make(), []) == []


@BOTH
def test_every_property_asked_for(make):
    wanted = ["energy", "forces", "stress", "energies", "magmoms"]
    (found,) = evaluate(make(), [dimer(1.5, cell=[9, 9, 9], pbc=True)], properties=wanted)
    assert found.energy == 1.5
    np.testing.assert_array_equal(found.forces, [[-1, 0, 0], [-1, 0, 0]])
    np.testing.assert_array_equal(found.stress, np.arange(6))
    np.testing.assert_array_equal(found.energies, [0, 1.5])
    np.testing.assert_array_equal(found.magmoms, [1, 1])


def test_undeclared_properties_are_none():
    calculator = Ruler()
    calculator.implemented_properties = ["energy"]
    (found,) = evaluate(calculator, [dimer(1.0)], properties=["energy", "forces", "magmoms"])
    assert (found.energy, found.forces, found.magmoms, found.error) == (1.0, None, None, None)


@pytest.mark.parametrize("pbc", [False, (True, True, False), True])
@pytest.mark.parametrize("spec", ["toy", "ase:emt"])
def test_stress_only_where_all_directions_are_periodic(spec, pbc):
    atoms = bulk("Cu", cubic=True)
    atoms.pbc = pbc
    (found,) = evaluate(get_calculator(spec), [atoms], properties=["energy", "stress"])
    assert found.error is None
    assert found.energy is not None
    assert np.shape(found.stress) == ((6,) if pbc is True else ())


def test_what_is_declared_but_not_for_this_structure_is_none():
    class Forgetful(Ruler):
        def get_property(self, name, atoms=None, allow_calculation=True):
            if name in {"energies", "magmoms"}:
                raise PropertyNotImplementedError(name)
            return super().get_property(name, atoms, allow_calculation)

    (found,) = evaluate(Forgetful(), [dimer(2)], properties=["energy", "energies", "magmoms"])
    assert (found.energy, found.energies, found.magmoms, found.error) == (2.0, None, None, None)


def test_a_third_party_calculator_agrees_with_ase():
    images = [bulk("Cu", cubic=True), bulk("Ni") * (2, 1, 1), Atoms("Al")]
    images[0].rattle(0.1, seed=1)
    for atoms, found in zip(images, evaluate(EMT(), images), strict=True):
        atoms.calc = EMT()
        assert found.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
        np.testing.assert_allclose(found.forces, atoms.get_forces(), atol=1e-12)


@pytest.mark.parametrize("properties", [["energy", "force"], ["free_energy"], ["dipole"]])
def test_an_unknown_property_is_a_mistake_of_the_caller(properties):
    calculator = Ruler()
    calculator.implemented_properties = [*Ruler.implemented_properties, "free_energy", "dipole"]
    with pytest.raises(InputError, match=properties[-1]):
        evaluate(calculator, [dimer(1.0)], properties=properties)


# Failures


BAD_INPUTS = {
    "nan": (dimer(np.nan), "NaN"),
    "infinite": (dimer(np.inf), "infinite"),
    "nan cell": (dimer(1.0, cell=[np.nan, 1, 1]), "NaN"),
    "empty": (Atoms(), "no atoms"),
    "one spot": (dimer(1e-4), "atoms are 1.0e-04 Å apart"),
    "exactly one spot": (dimer(0.0), "0.0e+00 Å apart"),
    "one spot through the cell": (dimer(4.0, cell=[4, 4, 4], pbc=True), "Å apart"),
    "no cell": (dimer(1.0, pbc=True), "give every periodic direction a vector"),
    "no third vector": (dimer(1.0, cell=[4, 4, 0], pbc=True), "give every periodic direction"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
@pytest.mark.parametrize("make", [Ruler, Batched, EMT, lambda: get_calculator("toy")])
def test_a_bad_structure_is_an_error_and_the_others_are_kept(make, name):
    atoms, message = BAD_INPUTS[name]
    good = dimer(1.2, "Cu2")
    found = evaluate(make(), [good, atoms, good, atoms])
    assert [e.error is None for e in found] == [True, False, True, False]
    assert found[0].energy == pytest.approx(found[2].energy)
    assert message in found[1].error
    assert "\n" not in found[1].error
    assert (found[1].energy, found[1].forces) == (None, None)


@BOTH
def test_no_bad_structure_reaches_the_calculator(make):
    calculator = make()
    evaluate(calculator, [atoms for atoms, _ in BAD_INPUTS.values()])
    assert calculator.seen == []
    assert getattr(calculator, "batches", []) == []


def test_close_atoms_are_not_on_one_spot():
    (found,) = evaluate(Ruler(), [dimer(0.05)])
    assert found.error is None


@BOTH
@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("Xe", "RuntimeError: no xenon in this shop"),
        ("He", "NaN or infinite forces"),
        ("Ne", "forces of shape (6,), (2, 3) expected"),
        ("Ar", "NaN or infinite energy"),
        ("Kr", "stress of shape (3, 3), (6,) expected"),
    ],
)
def test_a_bad_result_is_an_error_and_the_others_are_kept(make, symbol, message):
    images = [dimer(r, cell=[9, 9, 9], pbc=True) for r in np.linspace(1, 2, 9)]
    images[4] = dimer(1.5, f"H{symbol}", cell=[9, 9, 9], pbc=True)
    found = evaluate(make(), images, properties=["energy", "forces", "stress"])
    assert found[4].error == message
    assert (found[4].energy, found[4].forces, found[4].stress) == (None, None, None)
    assert [e.energy for e in found if not e.error] == [
        a.positions[1, 0] for a in images if a is not images[4]
    ]


@BOTH
def test_a_missing_result_is_an_error(make):
    class Silent(make):
        def of(self, atoms):
            return Evaluation(energy=1.0)

        def get_property(self, name, atoms=None, allow_calculation=True):
            return 1.0 if name == "energy" else None

    (found,) = evaluate(Silent(), [dimer(1.0)])
    assert "no forces" in found.error


@BOTH
def test_a_user_may_interrupt(make):
    class Slow(make):
        def of(self, atoms):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(Slow(), [dimer(1.0), dimer(1.1)])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InputError("give a cell"), "give a cell"),
        (ValueError("one\n  two"), "ValueError: one two"),
        (KeyError(), "KeyError: no message"),
    ],
)
def test_errors_in_one_line(error, text):
    assert describe_error(error) == text


# What is left alone


@BOTH
def test_images_are_neither_changed_nor_attached(make):
    images = [dimer(1.0), dimer(1.5, cell=[4, 4, 4], pbc=True), dimer(np.nan), dimer(1.0, "HXe")]
    own = SinglePointCalculator(images[1], energy=-7.0)
    images[1].calc = own
    images[0].info["label"] = "mine"
    images[0].set_constraint(FixAtoms([0]))
    before = [atoms.copy() for atoms in images]
    evaluate(make(), images, properties=["energy", "forces", "stress", "magmoms"])
    assert [atoms.calc for atoms in images] == [None, own, None, None]
    assert images[1].get_potential_energy() == -7.0
    for atoms, old in zip(images, before, strict=True):
        assert atoms.info == old.info
        assert len(atoms.constraints) == len(old.constraints)
        assert set(atoms.arrays) == set(old.arrays)
        for name, values in old.arrays.items():
            np.testing.assert_array_equal(atoms.arrays[name], values)
        np.testing.assert_array_equal(atoms.cell, old.cell)


@pytest.mark.parametrize("make", [Ruler, Batched, EMT])
def test_constraints_do_not_touch_the_forces(make):
    free, held = dimer(2.0, "Cu2"), dimer(2.0, "Cu2")
    held.set_constraint(FixAtoms([0, 1]))
    expected, found = evaluate(make(), [free, held])
    assert abs(found.forces[:, 0]).min() > 0.1
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-12)


def test_results_do_not_share_their_arrays():
    first, second = evaluate(EMT(), [dimer(2.0, "Cu2"), dimer(2.5, "Cu2")])
    assert not np.shares_memory(first.forces, second.forces)
    assert not np.allclose(first.forces, second.forces)


# Batches


def edges(atoms, cutoff):
    """Count directed edges with ASE's own list."""
    return len(neighbor_list("d", atoms, cutoff))


@pytest.mark.parametrize("max_edges", [1, 200, 500, 2000])
def test_batches_are_bounded_by_their_edges(max_edges):
    images = [bulk("Cu") * (n, 1, 1) for n in (1, 2, 6, 30, 1, 1, 3, 2, 1, 40, 2, 1)]
    images += [dimer(1.0) for _ in range(10)]
    calculator = Batched()
    found = evaluate(calculator, images, max_edges=max_edges)
    assert [len(e.forces) for e in found] == [len(a) for a in images]
    sizes = [sum(edges(a, Batched.cutoff) for a in batch) for batch in calculator.batches]
    for batch, size in zip(calculator.batches, sizes, strict=True):
        assert size <= max_edges or len(batch) == 1
    assert sum(len(batch) for batch in calculator.batches) == len(images)
    if max_edges >= 500:
        assert len(calculator.batches) < len(images) / 2


def test_the_default_bound_takes_a_dimer_scan_in_one_batch():
    calculator = Batched()
    evaluate(calculator, [dimer(r) for r in np.linspace(0.5, 6, 100)])
    assert [len(batch) for batch in calculator.batches] == [100]


def test_structures_without_edges_do_not_all_go_into_one_batch():
    calculator = Batched()
    evaluate(calculator, [Atoms("H")] * 1000, max_edges=1000)
    assert max(len(batch) for batch in calculator.batches) < 100


@pytest.mark.parametrize("room", [1, 2, 3, 7, 11])
def test_a_batch_that_runs_out_of_memory_is_halved(room):
    calculator, radii = Batched(room), np.linspace(1, 2, 11)
    found = evaluate(calculator, [dimer(r) for r in radii])
    assert [e.energy for e in found] == list(radii)
    sizes = [len(batch) for batch in calculator.batches]
    assert sizes[0] == 11
    assert sum(size for size in sizes if size <= room) == 11


def test_no_memory_for_one_is_its_error():
    found = evaluate(Batched(room=0), [dimer(1.0), dimer(1.1)])
    assert [e.error for e in found] == ["MemoryError: too many"] * 2


@pytest.mark.parametrize("place", [0, 5, 15])
def test_one_poison_structure_does_not_take_the_batch_along(place):
    images = [dimer(r) for r in np.linspace(1, 2, 16)]
    images[place] = dimer(1.0, "HXe")
    calculator = Batched()
    found = evaluate(calculator, images)
    assert [e.error is None for e in found] == [i != place for i in range(16)]
    assert [e.energy for e in found if not e.error] == [
        a.positions[1, 0] for i, a in enumerate(images) if i != place
    ]
    assert len(calculator.batches) <= 2 * 4 + 1  # bisection, not one by one


def test_a_batch_that_comes_back_too_short_is_not_mixed_up():
    class Short(Batched):
        def evaluate_batch(self, images, properties):
            return super().evaluate_batch(images, properties)[: max(1, len(images) - 1)]

    found = evaluate(Short(), [dimer(r) for r in (1.0, 1.1, 1.2, 1.3)])
    assert [e.energy for e in found] == [1.0, 1.1, 1.2, 1.3]


# Progress


@pytest.mark.parametrize("make", [Ruler, Batched, lambda: Batched(room=3)])
def test_progress_adds_up_to_the_number_of_images(make):
    images = [dimer(r) for r in np.linspace(1, 2, 9)] + [Atoms(), dimer(np.nan), dimer(1, "HXe")]
    steps = []
    evaluate(make(), images, max_edges=600, progress=steps.append)
    assert sum(steps) == len(images)
    assert all(step > 0 for step in steps)
    assert len(steps) > 1


def test_progress_comes_along_the_way():
    calculator, seen = Ruler(), []
    evaluate(
        calculator, [dimer(1.0), dimer(1.1)], progress=lambda _: seen.append(len(calculator.seen))
    )
    assert seen == [1, 2]


# How large a batch may be


@pytest.mark.parametrize(("per_edge", "most"), [(None, 16_000), (210_000, 10_226), (10**12, 1)])
def test_a_batch_is_bounded_by_memory(per_edge, most):
    calculator = EMT()
    if per_edge is not None:
        calculator.bytes_per_edge = per_edge
    assert default_max_edges(calculator) == most


def test_the_type_of_numbers_is_the_calculator_s_word_before_its_arrays():
    single, double = Evaluation(forces=np.zeros((1, 3), np.float32)), Evaluation(energy=1.0)
    calculator = EMT()
    assert floating_type(calculator, [double, single]) == "float32"
    assert floating_type(calculator, [double]) == "float64"
    calculator.dtype = "torch.float64"
    assert floating_type(calculator, [single]) == "float64"


def test_what_fails_half_way_fails_alike_the_next_time():
    """EMT prepares for new elements once: after a failure it would go on with those of before."""
    iron = bulk("Fe")
    moved = iron.copy()
    moved.positions += 0.1
    errors = [e.error for e in evaluate(EMT(), [bulk("Cu"), iron, moved, iron])]
    assert errors[0] is None
    assert errors[1] is not None
    assert set(errors[1:]) == {"NotImplementedError: No EMT-potential for Fe"}
