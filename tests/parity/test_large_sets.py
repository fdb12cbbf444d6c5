"""Sets that do not fit in memory: read, evaluated and judged in pieces, with the same numbers."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from same import assert_same

from mlipcheck.checks.parity import energies, pieces
from mlipcheck.checks.parity.compare import parity, summarise
from mlipcheck.checkup.find import find_system
from mlipcheck.references import frame_sets, images
from mlipcheck.references.disk_list import DiskList
from mlipcheck.references.inputs import load_frame_sets
from mlipcheck.references.reader import read_runs
from mlipcheck.storage import dumps
from mlipcheck.system import Settings

N = 60


def alloys(n=N, seed=0):
    """Return rattled alloys, with labels of EMT that are off by a factor and noise."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        a = rng.uniform(3.8, 4.0)
        atoms = Atoms("Cu2", [[0, 0, 0], [0, a / 2, a / 2]], cell=a * np.eye(3), pbc=True)
        atoms.symbols = rng.choice(["Cu", "Ag", "Au"], 2)
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        energy, F, stress = (
            atoms.get_potential_energy(),
            atoms.get_forces(),
            atoms.get_stress(),
        )
        F = F / 0.9 + rng.normal(0, 0.02, F.shape)
        labels = {"energy": energy + rng.normal(0, 0.02), "forces": F - F.mean(axis=0)}
        atoms.calc = SinglePointCalculator(atoms, **labels, stress=stress)
        found.append(atoms)
    return found


@pytest.fixture
def in_pieces(monkeypatch):
    """Let every file be large, and pieces small."""
    monkeypatch.setattr(images, "LARGE", 0)
    monkeypatch.setattr(images, "PIECE", 7)
    monkeypatch.setattr(frame_sets, "MAX_IN_MEMORY", 10)


def written(tmp_path, suffix, frames=None):
    path = tmp_path / f"alloys{suffix}"
    ase.io.write(path, frames or alloys())
    return path


# --- reading ------------------------------------------------------------------------------------


def test_a_list_on_disk_is_a_list():
    made = DiskList(range(5))
    made.append(7)
    assert (len(made), made[2], made[-1], made[1:3], list(made)) == (
        6,
        2,
        7,
        [1, 2],
        [*range(5), 7],
    )
    assert pickle.loads(pickle.dumps(made)) == (*range(5), 7)
    with pytest.raises(IndexError):
        made[6]


def test_threads_read_a_list_on_disk_together():
    """As those do that send tasks to workers."""
    made = DiskList(np.full(3000, k) for k in range(100))
    with ThreadPoolExecutor(3) as threads:
        found = threads.map(lambda _: [int(x[-1]) for _ in range(10) for x in made], range(3))
        assert all(one == 10 * list(range(100)) for one in found)


@pytest.mark.parametrize("suffix", [".xyz", ".extxyz", ".traj", ".db"])
def test_a_set_in_pieces_is_the_set(suffix, tmp_path, request):
    path = written(tmp_path, suffix)
    (whole,) = load_frame_sets(path)
    request.getfixturevalue("in_pieces")
    (found,) = load_frame_sets(path)
    assert isinstance(found.stored, DiskList)
    assert (len(found.every), len(found.frames)) == (N, 10)
    assert found.fingerprint == whole.fingerprint
    assert (found.notes, found.doubts) == (whole.notes, whole.doubts)
    assert (found.runs, found.usable, found.atoms) == (whole.runs, whole.usable, whole.atoms)
    assert found.compositions == whole.compositions
    assert [f.name for f in found.every] == [f.name for f in whole.every]
    drawn, same = (s.sample(20, seed=1) for s in (found, whole))
    assert drawn.fingerprint == same.fingerprint
    assert len(found.independent().every) == N


def test_what_is_no_state_is_left_out_of_a_large_file_too(tmp_path, in_pieces):
    frames = alloys(20)
    alone = Atoms("Cu", cell=[20] * 3, pbc=True)
    alone.calc = SinglePointCalculator(alone, energy=-1.0)
    (found,) = load_frame_sets(written(tmp_path, ".xyz", [*frames, frames[3], alone]))
    assert len(found.every) == 20
    assert [f.name for f in found.left_out] == ["alloys[20]", "alloys[21]"]


@pytest.mark.parametrize("cut", [3, 203])
def test_a_large_file_that_ends_early_is_refused(cut, tmp_path, in_pieces):
    path = written(tmp_path, ".xyz")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:cut]))
    (run,) = read_runs([path])
    assert "it announces 2 atoms and has" in run.error
    assert "it announces 2 atoms and has" in load_frame_sets(path)[0].error


def test_other_checks_get_a_sample_and_nothing_to_relax(tmp_path, in_pieces):
    system = find_system(EMT(), [str(written(tmp_path, ".xyz"))])
    assert len(system.structures) == 10
    assert "Ag-Au" in system.elements
    assert system.references == ()
    assert any(f"all {N} frames" in why for _, why in system.left_out)
    assert f"{N} labelled frames" in system.found


# --- statistics ---------------------------------------------------------------------------------


def test_parity_in_pieces_has_the_numbers_of_memory(tmp_path, request):
    path = written(tmp_path, ".extxyz")
    whole = parity(EMT(), path, energy_resolution=0.1)
    request.getfixturevalue("in_pieces")
    assert_same(parity(EMT(), path, energy_resolution=0.1), whole)


@pytest.fixture(scope="module")
def evaluated():
    """Return a set and what EMT says of it."""
    from mlipcheck import evaluate

    frames = frame_sets.frames_from_atoms(alloys())
    wanted = pieces.PROPERTIES
    return frames, evaluate(EMT(), [f.atoms for f in frames.frames], properties=wanted)


def summed(labels, found, size, start=0, how=None):
    how = how or pieces.Reduction()
    parts = [
        pieces.reduce_frames(labels.every[k : k + size], found[k : k + size], how, k)
        for k in range(0, len(found), size)
    ]
    return summarise(EMT(), labels, parts, Settings())


@pytest.mark.parametrize("size", [1, 7, 59])
def test_pieces_of_any_size_make_the_same(evaluated, size):
    assert_same(summed(*evaluated, size), summed(*evaluated, N))


def test_many_runs_are_put_together(evaluated, monkeypatch):
    """Values are of all runs, and intervals of groups of runs about as wide."""
    before = summed(*evaluated, 7).forces
    monkeypatch.setattr(pieces, "MAX_RUNS", 20)
    monkeypatch.setattr(pieces, "BLOCKS", 12)
    after = summed(*evaluated, 7).forces
    assert after.groups == before.groups  # over all atoms runs stay what they are
    for one, other in zip(before.by_element, after.by_element, strict=True):
        assert (other.name, other.atoms, other.groups) == (one.name, one.atoms, 12)
        assert other.s_lo.value == pytest.approx(one.s_lo.value)
        widths = [e.high - e.low for e in (one.s_lo, other.s_lo)]
        assert 0.3 < widths[1] / widths[0] < 3


def test_of_very_many_forces_some_are_kept(evaluated):
    """Slopes are of all; what one factor does is seen on those that are kept."""
    whole = summed(*evaluated, 7)
    some = summed(*evaluated, 7, how=pieces.Reduction(share=0.3, seed=2))
    assert 0 < len(some.forces.reference_sample) < 0.6 * len(whole.forces.reference_sample)
    assert some.forces.s_lo == whole.forces.s_lo
    assert some.rescaling.factor == whole.rescaling.factor
    assert some.rescaling.rescaled_mae == pytest.approx(whole.rescaling.rescaled_mae, rel=0.5)
    assert some.rescaling.accepted == whole.rescaling.accepted


def test_a_record_names_a_bounded_number_of_frames(evaluated, monkeypatch):
    labels, found = evaluated
    whole = summed(labels, found, 7)
    for module in (energies, pieces):
        monkeypatch.setattr(module, "MAX_LISTED", 10)
    few = summed(labels, found, 7)
    assert few.energy.frames == whole.energy.frames
    assert len(few.energy.names) <= 11
    assert few.energy.mae == whole.energy.mae
    assert np.abs(few.energy.errors).max() == np.abs(whole.energy.errors).max()
    assert len(dumps(few)) < len(dumps(whole))
