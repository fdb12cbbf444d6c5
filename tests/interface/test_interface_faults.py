"""Faulty calculators: each fails exactly the tests that are listed, its own first."""

from __future__ import annotations

import dataclasses

import faulty_interface as f
import numpy as np
import pytest
from ase.units import GPa
from faulty import Failing, ScaledForces, ScaledStress

from mlipcheck import check_calculator, iter_checks
from mlipcheck.calculators.base import Evaluation

CHECKS = [check.name for check in iter_checks()]
ALIKE = "translation rotation permutation lattice_vectors size_extensivity determinism"


def spoilt(change, *declared):
    return lambda: f.Spoilt(change, declared)


def mutating(change):
    return lambda: f.Mutating(change)


def stress(change):
    return spoilt(f.on_stress(change))


def failing(when, how="raise"):
    return lambda: Failing(f.Exact(), when, how)


def batched(change):
    """Spoil the batch of four that the check asks for, and not those that derivatives ask for."""
    return lambda: f.Batched(lambda found: change(found) if len(found) == 4 else found)


def changed(**values):
    return lambda found: [dataclasses.replace(one, **values) for one in found]


# Fault: the calculator, and every test that it fails, its own first.
FAULTS = {
    "declares magmoms": (spoilt(lambda *_: None, "magmoms"), "declared_properties"),
    "declares a stress that is not there": (spoilt(f.without_stress), "declared_properties"),
    "stress of shape (3, 3)": (spoilt(f.as_matrix), "declared_properties"),
    "stress as a list": (stress(lambda s, _: s.tolist()), "declared_properties"),
    "NaN for a stress": (stress(lambda s, _: np.nan * s), "declared_properties"),
    "energies that do not sum": (spoilt(f.wrong_energies), "energies"),
    "free energy of another slope": (lambda: f.FreeEnergy(lambda e: 1.001 * e), "free_energy"),
    "free energy that is always one": (lambda: f.FreeEnergy(lambda e: -1.0), "free_energy"),
    "free energy that is no number": (
        lambda: f.FreeEnergy(lambda e: np.nan),
        "declared_properties",
    ),
    "gives what it does not declare": (
        lambda: f.Answers(lambda name: np.zeros(3)),
        "undeclared_properties",
    ),
    "gives None for it": (lambda: f.Answers(lambda name: None), "undeclared_properties"),
    "raises NotImplementedError": (
        lambda: f.Answers(f.refuse(NotImplementedError)),
        "undeclared_properties",
    ),
    "raises KeyError": (lambda: f.Answers(f.refuse(KeyError)), "undeclared_properties"),
    "wraps its input": (mutating(lambda atoms: atoms.wrap()), "input_unchanged"),
    "adds info": (mutating(f.add_info), "input_unchanged"),
    "clears info": (mutating(f.forget_info), "input_unchanged"),
    "adds an array": (mutating(f.add_array), "input_unchanged"),
    "overwrites an array": (mutating(f.overwrite_array), "input_unchanged"),
    "drops constraints": (mutating(lambda atoms: atoms.set_constraint()), "input_unchanged"),
    "rounds the cell": (mutating(f.straighten_cell), "input_unchanged"),
    "sorts the elements": (mutating(f.sort_elements), "input_unchanged"),
    # its next answer is that of a molecule
    "makes it periodic no more": (mutating(f.unbind), "input_unchanged cache"),
    "prints": (spoilt(f.print_stdout), "silence"),
    "prints to stderr": (spoilt(f.print_stderr), "silence"),
    "writes to the descriptor of stdout": (spoilt(f.write_stdout), "silence"),
    "writes to the descriptor of stderr": (spoilt(f.write_stderr), "silence"),
    "forces 0.1 % too large": (lambda: ScaledForces(f.Exact(), 1.001), "forces_are_gradient"),
    "forces with a curl across them": (f.CurlForces, "forces_are_gradient"),
    "stress in GPa": (lambda: ScaledStress(f.Exact(), 1 / GPa), "stress_is_gradient"),
    "stress of the other sign": (lambda: ScaledStress(f.Exact(), -1), "stress_is_gradient"),
    "stress of what is not periodic 18 times too small": (f.SlabStress, "stress_of_slabs"),
    "stress of what has vacuum 18 times too small": (stress(f.without_vacuum), "stress_of_slabs"),
    "forces reversed above 8 atoms": (spoilt(f.reversed_above_eight), "size_extensivity"),
    # neither turns as a tensor
    "stress in VASP's order": (stress(f.in_vasp_order), "stress_is_gradient rotation"),
    "stress with twice the shear": (
        stress(lambda s, _: s * [1, 1, 1, 2, 2, 2]),
        "stress_is_gradient rotation",
    ),
    "virial for a stress": (
        stress(lambda s, atoms: s * atoms.get_volume()),
        "stress_is_gradient size_extensivity",
    ),
    "stress over the determinant": (
        stress(lambda s, atoms: s * atoms.cell.handedness),
        "stress_is_gradient lattice_vectors",
    ),
    # the whole is pushed, and other vectors of the lattice are another box; it turns with the cell
    "egg box": (
        spoilt(f.in_egg_box),
        "translation net_force lattice_vectors size_extensivity",
    ),
    # its energy has an origin and a direction, and pulls at a single atom
    "uniform field": (
        spoilt(f.in_uniform_field),
        "translation rotation lattice_vectors net_force size_extensivity stress_is_gradient "
        "isolated_atom",
    ),
    # too little for a derivative to tell; it knows the direction by a cell vector
    "energy of what points up": (spoilt(f.points_up), "rotation lattice_vectors"),
    "space has an axis": (lambda: f.Squeezed(f.Exact()), "rotation"),
    # a supercell has one first atom, but two of every second
    "first atom is another element": (
        lambda: f.Misread(f.first_is_other),
        "permutation size_extensivity",
    ),
    "every second atom is": (lambda: f.Misread(f.every_second_is_other), "permutation"),
    "forces sorted by element": (
        spoilt(f.sorted_by_element),
        "permutation forces_are_gradient size_extensivity",
    ),
    # which atoms are outside changes with the origin and with the cell
    "atoms outside the cell count": (
        spoilt(f.counts_those_outside),
        "lattice_vectors translation size_extensivity",
    ),
    # too little for the derivative to tell
    "forces that nearly balance": (spoilt(f.by_element(1e-7)), "net_force"),
    "forces that do not balance": (spoilt(f.by_element(1e-2)), "net_force forces_are_gradient"),
    # forces and stress are those of the total
    "energy per atom": (
        spoilt(f.per_atom),
        "size_extensivity forces_are_gradient stress_is_gradient",
    ),
    "a constant per structure": (spoilt(f.plus_constant), "size_extensivity"),
    "noise of 1e-12": (lambda: f.Noisy(1e-12), "determinism"),
    # whatever compares two energies or forces; without its own word, it might be a GPU's float32
    "noise of 1e-8 in float64": (
        lambda: f.Noisy(1e-8, "float64"),
        f"{ALIKE} forces_are_gradient stress_is_gradient net_force cache",
    ),
    "noise of 1e-3": (
        lambda: f.Noisy(1e-3),
        f"{ALIKE} forces_are_gradient stress_is_gradient net_force cache",
    ),
    # the energies that make the derivative are all one
    "does not see moved atoms": (lambda: f.Stale("positions"), "cache forces_are_gradient"),
    "does not see another cell": (lambda: f.Stale("cell"), "cache"),
    "does not see other elements": (lambda: f.Stale("numbers"), "cache"),
    "does not see set()": (f.StaleAfterSet, "cache"),
    # the old forces do not turn either
    "keeps its forces": (f.StaleForces, "cache rotation"),
    "hands out its own array": (f.LendsForces, "cache"),
    "raises for an atom": (failing(f.lonely), "isolated_atom"),
    "NaN for an atom": (failing(f.lonely, "nan"), "isolated_atom"),
    "NaN for the force on an atom": (spoilt(f.nan_forces_of(1)), "isolated_atom"),
    "NaN for the forces on a dimer": (spoilt(f.nan_forces_of(2)), "dimer"),
    "raises for an atom of the second element": (failing(f.lonely_oxygen), "isolated_atom"),
    "pushes an atom that is alone": (spoilt(f.pushed_alone), "isolated_atom"),
    "raises for a dimer": (failing(f.paired), "dimer"),
    "NaN for a dimer": (failing(f.paired, "nan"), "dimer"),
    "raises for neighbours": (failing(f.close_pair), "dimer"),
    # as models do whose list of neighbours is empty: the dimer is the one that is far apart
    "raises without neighbours": (failing(f.without_neighbours), "isolated_atom dimer"),
    "takes NaN for zero": (lambda: f.Misread(f.nan_position_is_zero), "nan_input"),
    "takes a NaN cell for none": (lambda: f.Misread(f.nan_cell_is_none), "nan_input"),
    "batch in another order": (lambda: f.Batched(lambda found: found[::-1]), "batch"),
    "batch without the last": (batched(lambda found: found[:-1]), "batch"),
    "batch with other energies": (
        batched(lambda found: [dataclasses.replace(e, energy=e.energy + 1e-5) for e in found]),
        "batch",
    ),
    "batch without forces": (batched(changed(forces=None)), "batch"),
    "batch without the single atom": (
        batched(lambda found: [found[0], Evaluation(error="no edges"), *found[2:]]),
        "batch",
    ),
    "batch of errors": (batched(lambda found: [Evaluation(error="memory")] * 4), "batch"),
}


def failed(calculator):
    return {r.check for r in check_calculator(calculator) if r.status == "failed"}


@pytest.mark.slow
@pytest.mark.parametrize(("make", "spared"), [(f.Exact, {"batch"}), (f.Batched, set())])
def test_what_the_faults_are_planted_in_passes_every_test(make, spared):
    results = check_calculator(make())
    assert {r.check for r in results if r.status != "passed"} == spared
    assert failed(make()) == set()


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_exactly_what_is_listed(fault):
    make, expected = FAULTS[fault]
    assert failed(make()) == set(expected.split())


def test_every_check_has_a_fault_of_its_own():
    assert {expected.split()[0] for _, expected in FAULTS.values()} == set(CHECKS)
