"""Which frames are states: zeros of energy, duplicates, labels that were never computed."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixCartesian

from mlipcheck.references import states
from mlipcheck.references.inputs import frames_from_atoms, load_frame_sets
from mlipcheck.references.labels import LabelledFrame, read_frame
from mlipcheck.references.states import (
    DIMER,
    DUPLICATE,
    NOT_COMPUTED,
    SINGLE_ATOM,
    in_vacuum,
    part_states,
)

BOX = {"cell": 12 * np.eye(3), "pbc": True}


def frame(atoms, energy=None, forces=None, stress=None, run="run", constraints=()):
    """Return a labelled frame; by default with labels that nothing speaks against."""
    rng = np.random.default_rng(len(atoms) + int(1e4 * abs(atoms.positions).sum()))
    energy = -3.0 * len(atoms) + rng.normal(0, 0.1) if energy is None else energy
    forces = rng.normal(0, 0.5, (len(atoms), 3)) if forces is None else forces
    stress = rng.normal(0, 0.01, 6) if stress is None else stress
    return LabelledFrame(
        "a frame", atoms, energy, forces, stress, run, constraints=tuple(constraints)
    )


def rattled(seed=0, atoms=None):
    atoms = bulk("Cu", cubic=True) if atoms is None else atoms.copy()
    atoms.rattle(0.1, seed=seed)
    return atoms


def dimer(**box):
    return Atoms("NaCl", [[0, 0, 0], [0, 0, 2.4]], **box)


def errors(frames):
    return [f.error for f in part_states(frames)[1]]


def notes(frames):
    found, left_out = part_states(frames)
    assert left_out == []
    return [f.notes for f in found]


# --- zeros of energy ----------------------------------------------------------------------------


def test_single_atoms_and_dimers_beside_crystals_set_zeros():
    crystals = [frame(rattled(k)) for k in range(3)]
    atoms = [Atoms("Na"), Atoms("Cl", **BOX)]
    apart = [frame(a) for a in (*atoms, dimer(), dimer(**BOX))]
    found, left_out = part_states([*apart, *crystals])
    assert found == crystals
    assert [f.error for f in left_out] == [SINGLE_ATOM] * 2 + [DIMER] * 2
    # they keep what they were read with
    assert [f.energy for f in left_out] == [f.energy for f in apart]


def test_a_dimer_across_the_boundary_of_its_box_is_in_vacuum():
    wrapped = Atoms("NaCl", [[0, 0, 0.5], [0, 0, 12 - 1.9]], **BOX)
    assert in_vacuum(wrapped)
    assert errors([frame(wrapped), frame(rattled())]) == [DIMER]


@pytest.mark.parametrize("config_type", ["isolated_atom", "IsolatedAtom", "single atom"])
def test_what_its_file_calls_an_isolated_atom_is_one(config_type):
    atom = Atoms("Na", cell=5 * np.eye(3), pbc=True)
    assert not in_vacuum(atom)
    assert errors([frame(atom), frame(rattled())]) == []
    atom.info["config_type"] = config_type
    assert errors([frame(atom), frame(rattled())]) == [SINGLE_ATOM]


def test_only_dimers_or_only_molecules_are_a_set():
    dimers = [Atoms("BB", [[0, 0, 0], [0, 0, r]]) for r in (1.4, 1.8, 2.2)]
    for atoms in dimers:
        atoms.info["config_type"] = "dimer"
    assert errors(list(map(frame, dimers))) == []
    molecules = [molecule(name) for name in ("H2", "N2", "H2O", "CH4")]
    assert errors(list(map(frame, molecules))) == []
    for atoms in molecules:
        atoms.set_cell(15 * np.eye(3))
        atoms.pbc = True
    assert errors([*map(frame, molecules), frame(Atoms("H", **BOX))]) == [SINGLE_ATOM]


def test_crystals_with_one_or_two_atoms_are_states():
    crystals = [bulk("Cu"), bulk("W"), bulk("Si"), bulk("Mg"), bulk("NaCl", "rocksalt", a=5.6)]
    crystals += [fcc111("Cu", (1, 1, 2), vacuum=10.0, periodic=True)]
    zero = [frame(a, forces=np.zeros((len(a), 3))) for a in crystals]
    found, left_out = part_states(zero)
    assert left_out == []
    # forces of a slab along its normal are none that symmetry forbids
    assert [f.forces is not None for f in found] == [True] * 5 + [False]


def test_a_set_of_nothing_else_says_why_it_has_no_states():
    atom = Atoms("Na", **BOX)
    atom.calc = SinglePointCalculator(atom, energy=-0.2)
    found = frames_from_atoms([atom])
    assert found.frames == ()
    assert SINGLE_ATOM in found.error


# --- duplicates ---------------------------------------------------------------------------------


def test_the_first_of_equal_frames_stays():
    a, b = frame(rattled(0)), frame(rattled(1))
    found, left_out = part_states([a, b, a, b, a])
    assert found == [a, b]
    assert [f.error for f in left_out] == [DUPLICATE] * 3


def test_images_of_atoms_runs_and_digits_make_no_other_frame():
    one = frame(rattled(0))
    moved = one.atoms.copy()
    moved.positions += [[1, 0, -2], [0, 3, 0], [0, 0, 0], [-1, 1, 1]] @ moved.cell
    moved.positions += 4e-5
    other = LabelledFrame(
        "b", moved, one.energy + 4e-5, one.forces + 4e-5, one.stress + 4e-6, "another run"
    )
    assert errors([one, other]) == [DUPLICATE]


@pytest.mark.parametrize("change", ["positions", "cell", "numbers", "energy", "forces", "stress"])
def test_what_differs_in_one_thing_is_no_duplicate(change):
    one = frame(rattled(0))
    atoms, values = one.atoms.copy(), {n: getattr(one, n) for n in ("energy", "forces", "stress")}
    if change in values:
        values[change] = values[change] + 3 * states.SAME[change]
    elif change == "numbers":
        atoms.numbers[0] = 47
    else:
        getattr(atoms, change)[1, 1] += 1e-3
    assert errors([one, frame(atoms, **values)]) == []


def test_an_isolated_molecule_somewhere_else_is_another_frame():
    """Without a cell nothing repeats."""
    one = frame(molecule("H2O"))
    moved = one.atoms.copy()
    moved.positions += 1.0
    assert errors([one, frame(moved, one.energy, one.forces, one.stress)]) == []


def test_comparisons_grow_with_the_number_of_frames(monkeypatch):
    """Of the same energy, as after rounding, and of a run that goes forth and back."""
    compared, alike = [], states._alike
    monkeypatch.setattr(states, "_alike", lambda a, b: compared.append(1) or alike(a, b))
    images = [frame(rattled(k), energy=-12.0) for k in range(100)]
    found, left_out = part_states([*images, *images[::-1]])
    assert (len(found), len(left_out)) == (100, 100)
    assert len(compared) < 4 * 200


# --- labels that were not computed --------------------------------------------------------------


def test_an_energy_of_zero_among_others_is_none():
    images = [frame(rattled(k)) for k in range(3)]
    found = part_states([*images, frame(rattled(3), energy=0.0)])[0]
    assert [f.energy is None for f in found] == [False] * 3 + [True]
    assert found[3].forces is not None
    assert found[3].notes == ("energy left out: exactly zero, not computed",)


def test_energies_relative_to_the_lowest_have_a_zero_of_their_own():
    """As of a path: the end point is a state."""
    energies = [0.0, 0.3, 0.7, 0.2]
    images = [frame(rattled(k), energy=e) for k, e in enumerate(energies)]
    assert [f.energy for f in part_states(images)[0]] == energies


def test_forces_and_stress_of_zero_where_symmetry_asks_none():
    low = frame(rattled(0), forces=np.zeros((4, 3)), stress=np.zeros(6))
    (found,), _ = part_states([low])
    assert found.forces is found.stress is None
    assert found.notes == (
        "stress left out: exactly zero, not computed",
        "forces left out: exactly zero, not computed",
    )
    (water,), _ = part_states([frame(molecule("H2O"), forces=np.zeros((3, 3)))])
    assert water.forces is None


@pytest.mark.parametrize(
    "atoms",
    [
        bulk("Cu", cubic=True) * (2, 2, 2),
        bulk("Si", cubic=True),
        bulk("NaCl", "rocksalt", a=5.64),
        bulk("Mg"),
        bulk("CsCl", "cesiumchloride", a=4.1),
    ],
)
def test_a_perfect_crystal_has_forces_of_zero(atoms):
    perfect = frame(atoms, forces=np.zeros((len(atoms), 3)))
    others = [frame(rattled(k, atoms)) for k in range(2)]
    found, _ = part_states([*others, perfect])
    assert found[2] is perfect
    # and a little off, it has some
    off = frame(rattled(7, atoms), forces=np.zeros((len(atoms), 3)))
    assert part_states([*others, off])[0][2].forces is None


def test_a_frame_of_nothing_but_zeros_is_left_out():
    empty = frame(rattled(9), 0.0, np.zeros((4, 3)), np.zeros(6))
    assert errors([empty, frame(rattled())]) == [NOT_COMPUTED]


# --- forces that constraints mask ---------------------------------------------------------------


def slab(seed=0):
    return rattled(seed, fcc111("Cu", (2, 2, 4), vacuum=8.0, periodic=True))


def masked(atoms, fixed):
    forces = np.random.default_rng(3).normal(0, 0.3, (len(atoms), 3))
    forces[fixed] = 0
    return forces


@pytest.mark.parametrize(
    "constraint", [FixAtoms(range(8)), FixCartesian(list(range(8)), (False, False, True))]
)
def test_forces_that_constraints_mask_are_no_labels(constraint):
    rows = (slice(8), 2) if isinstance(constraint, FixCartesian) else slice(8)
    one = frame(slab(), forces=masked(slab(), rows), constraints=[constraint])
    ((found,),) = [notes([one])]
    assert found == ("forces left out: zero on some atoms, masked by constraints",)
    # labels that are there are labels
    whole = frame(slab(), constraints=[constraint])
    assert part_states([whole])[0] == [whole]


def test_zeros_on_the_same_atoms_were_masked_when_written():
    run = [frame(slab(k), forces=masked(slab(k), slice(8))) for k in range(3)]
    assert all(f.forces is None for f in part_states(run)[0])
    # a frame in which they are not zero shows that they are computed
    run.append(frame(slab(9)))
    assert all(f.forces is not None for f in part_states(run)[0])


def test_zeros_in_the_digits_of_a_file_are_no_masks():
    """Far from a displaced atom forces round to zero, and others to the last digit."""
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    atoms.positions[0] += (0.2, 0.1, 0.05)
    atoms.calc = EMT()
    forces = np.round(atoms.get_forces(), 2)
    assert (~forces.any(axis=1)).sum() > 10
    one = frame(atoms, forces=forces)
    assert part_states([one])[0] == [one]


def test_zeros_that_symmetry_makes_are_labels():
    """Rutile's metal sites, and atoms that a symmetric displacement leaves where they are."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (2, 1, 1)
    atoms.positions[0, 0] += 0.1
    forces = np.random.default_rng(0).normal(0, 0.3, (len(atoms), 3))
    still = ~states._may_pull(atoms)
    assert not still.any()
    forces[:, 1:] = 0
    one = frame(atoms, forces=forces)
    assert part_states([one])[0] == [one]
    a, c, u = 4.594, 2.959, 0.305
    rutile = Atoms(
        "Ti2O4",
        scaled_positions=[
            (0, 0, 0),
            (0.5, 0.5, 0.5),
            (u, u, 0),
            (-u, -u, 0),
            (0.5 + u, 0.5 - u, 0.5),
            (0.5 - u, 0.5 + u, 0.5),
        ],
        cell=[a, a, c],
        pbc=True,
    )
    forces = np.zeros((6, 3))
    forces[2:, :2] = 0.4 * np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]])
    one = frame(rutile, forces=forces)
    assert part_states([one])[0] == [one]
    assert states._may_pull(rutile).tolist() == [False] * 2 + [True] * 4


def test_a_mask_in_a_file_is_known(tmp_path):
    """ASE reads ``move_mask`` as a constraint; it writes forces as they are."""
    atoms = slab()
    atoms.calc = EMT()
    forces = atoms.get_forces()
    for name, zero in (("whole", False), ("masked", True)):
        one = atoms.copy()
        one.info.clear()
        one.set_constraint(FixAtoms(range(4)))
        labels = forces.copy()
        labels[:4] *= not zero
        one.calc = SinglePointCalculator(one, energy=-1.0, forces=labels)
        ase.io.write(tmp_path / f"{name}.xyz", one, format="extxyz")
        (found,) = load_frame_sets(tmp_path / f"{name}.xyz")
        assert (found.frames[0].forces is None) == zero
        assert any("masked by constraints" in note for note in found.notes) == zero


# --- what people have ---------------------------------------------------------------------------


def test_frames_with_errors_stay_where_they_are():
    bad = read_frame(bulk("Cu"), "bad", "run")
    assert bad.error
    good = frame(rattled())
    assert part_states([bad, good, bad]) == ([bad, good, bad], [])
    assert part_states([]) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "frames"), [("random-TP", 693), ("wbm-equilibrium", 972)])
def test_no_frame_and_no_label_of_a_public_data_set_is_lost(data_dir, name, frames):
    (found,) = load_frame_sets(name)
    assert len(found.frames) == frames
    assert not any("left out" in note for f in found.frames for note in f.notes)
