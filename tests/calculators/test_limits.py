"""What no package can look for neighbours in is one line; what it can gives the same numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import InputError
from ase.neighborlist import neighbor_list

from mlipcheck import get_calculator
from mlipcheck.calculators.base import Evaluation
from mlipcheck.calculators.batched import BatchedCalculator
from mlipcheck.calculators.evaluate import evaluate
from mlipcheck.calculators.neighbours import (
    LONGEST,
    check_geometry,
    closed_box,
    half_neighbour_list,
    near_home,
)


def _in_box(cell, pbc=True):
    return Atoms("Cu", cell=cell, pbc=pbc)


def _apart(*vector):
    return Atoms("Cu2", [[0, 0, 0], vector])


# vesin ends the process for the first four, takes for ever for the fifth, and answers the last
# with no pairs at all.
ABSURD = {
    "needle": _in_box([3, 3, 6e5]),
    "plate": _in_box([9e3, 9e3, 3]),
    "two atoms far apart": _apart(0, 0, 6e5),
    "two atoms apart in a plane": _apart(LONGEST, LONGEST, 0),
    "an atom far above a slab": Atoms(
        "Cu2", [[0, 0, 0], [1, 1, 1e5]], cell=[5, 5, 0], pbc=[1, 1, 0]
    ),
    "a sheared cell": _in_box([[5, 0, 0], [5, 1e-4, 0], [0, 0, 5]]),
    "a tiny cell": _in_box([0.05] * 3),
    "a tiny cell of a slab": _in_box([0.05, 0.05, 0], [True, True, False]),
    "an atom that float64 cannot place": Atoms(
        "Cu2", [[0, 0, 0], [1e15, 0, 0]], cell=[5] * 3, pbc=1
    ),
}


@pytest.mark.parametrize("name", ABSURD)
def test_an_absurd_structure_is_one_line(name):
    with pytest.raises(InputError, match=r"is its unit right|give a smaller one|wrap it") as error:
        half_neighbour_list(ABSURD[name], 1.0)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("spec", ["toy", "ase:emt"])
def test_absurd_structures_do_not_lose_the_others(spec):
    good = bulk("Cu", cubic=True)
    names = [name for name in ABSURD if name != "two atoms apart in a plane"]  # EMT answers
    found = evaluate(get_calculator(spec), [good, *(ABSURD[name] for name in names), good])
    assert found[0].error is None
    assert found[-1].energy == found[0].energy
    assert [name for name, e in zip(names, found[1:-1], strict=True) if e.error is None] == []


@pytest.mark.parametrize("longest", [30.0, 300.0, 1900.0])
@pytest.mark.parametrize("pbc", [[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]])
def test_long_structures_have_ases_neighbours(longest, pbc):
    """Cells and distances up to 0.2 µm, any of which vesin alone may take for its end."""
    rng = np.random.default_rng(int(longest) + sum(pbc))
    for axis in range(3):
        cell = np.diag(rng.uniform(4, 8, 3))
        cell[axis, axis] = longest
        places = rng.random((6, 3))
        places[:2, axis] = [0.0, 0.999]
        atoms = Atoms("Cu6", places @ cell, cell=cell, pbc=pbc)
        i, shifts, d = half_neighbour_list(atoms, 4.0, "iSd")
        first, distances = neighbor_list("id", atoms, 4.0)
        assert 2 * len(i) == len(first)
        assert np.sort(np.repeat(d, 2)) == pytest.approx(np.sort(distances))
        assert not shifts[:, ~atoms.pbc].any()


def test_what_is_at_home_stays_to_the_last_digit():
    slab = Atoms("Cu2", [[0, 0, 0], [-1, 2, 40]], cell=[5, 5, 0], pbc=[1, 1, 0])
    for atoms in (bulk("Cu", cubic=True), molecule("H2O"), slab):
        assert np.array_equal(near_home(atoms, 5.0).positions, atoms.positions)
        assert np.array_equal(near_home(atoms, 5.0).pbc, atoms.pbc)


@pytest.mark.parametrize("pbc", [[1, 1, 1], [1, 1, 0], [0, 0, 1]])
def test_atoms_outside_are_brought_home_with_their_neighbours(pbc):
    cell = [[5, 0, 0], [1, 6, 0], [0.5, 1, 7]]
    atoms = Atoms("Cu3", [[0, 0, 0], [2, 1, 1], [3, 3, 3]], cell=cell, pbc=pbc)
    away = atoms.copy()
    away.positions[1] += 200_000 * atoms.cell[int(np.flatnonzero(atoms.pbc)[0])]
    home = near_home(away, 5.0)
    assert np.abs(home.positions).max() < 20
    assert np.sort(neighbor_list("d", home, 5.0)) == pytest.approx(
        np.sort(neighbor_list("d", atoms, 5.0)), abs=1e-8
    )


def test_a_box_keeps_what_is_far_apart_apart():
    atoms = _apart(300, 400, 0)
    home = near_home(atoms, 5.0)
    assert home.pbc.all()
    assert len(neighbor_list("d", home, 10.0)) == 0
    assert np.diag(closed_box(atoms, 10.0)) == pytest.approx([310, 410, 10])


def _far_and_near():
    """Pairs of structures of which one has atoms far out, and both the same energy."""
    crystal = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    crystal.rattle(0.05, seed=1)
    slab = crystal.copy()
    slab.pbc = [True, True, False]
    pairs = []
    for near in (crystal, slab):
        far = near.copy()
        far.positions[3] += 178_571 * near.cell[0]  # 1e6 Å
        pairs.append((far, near))
    water = molecule("H2O")
    far = water.copy()
    far.positions += [900, 0, 0]
    return [*pairs, (far, water), (_apart(0, 0, 1000), _apart(0, 0, 30))]


@pytest.mark.parametrize("model", ["chgnet", "sevennet"])
def test_models_give_the_same_numbers_far_out(model, request):
    calculator = request.getfixturevalue(model)
    for far, near in _far_and_near():
        names = ("energy", "forces", "stress")
        one, other = evaluate(calculator, [far, near], properties=names)
        assert one.error is None
        assert one.energy == pytest.approx(other.energy, abs=2e-4)
        assert one.forces == pytest.approx(other.forces, abs=2e-4)
        assert (one.stress is None) == (other.stress is None)


class Heavy(BatchedCalculator):
    """A model that takes a quarter of the machine's memory for an edge; it must not be asked."""

    bytes_per_edge = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4

    def __init__(self, device="cpu"):
        super().__init__(None, device=device, dtype="float64", cutoff=3.0, elements=range(1, 119))

    def _evaluate_batch(self, images, properties):
        return [Evaluation(energy=0.0, forces=np.zeros((len(a), 3))) for a in images]


def test_what_memory_does_not_hold_is_refused():
    few, many = evaluate(Heavy(), [Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]]), bulk("Cu", cubic=True)])
    assert few.error is None
    assert "neighbours take about" in many.error
    assert "give a smaller structure" in many.error


@pytest.mark.model
def test_a_lost_gpu_is_each_structures_error(monkeypatch):
    torch = pytest.importorskip("torch")

    def lost(*args):
        raise RuntimeError("CUDA error: device lost")

    monkeypatch.setattr(torch.cuda, "mem_get_info", lost)
    calculator = Heavy("cuda")
    monkeypatch.setattr(calculator, "_evaluate_batch", lost)
    found = evaluate(calculator, [Atoms("Cu"), Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]])])
    assert [e.error for e in found] == ["RuntimeError: CUDA error: device lost"] * 2


def test_a_cell_in_nanometres_is_refused_by_its_size():
    with pytest.raises(InputError, match="thinner than"):
        check_geometry(_in_box([0.0361] * 3))
