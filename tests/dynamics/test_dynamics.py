"""Molecular dynamics: an exact oscillator, planted faults that are each named, and resumption."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import Calculator, InputError, all_changes
from ase.calculators.emt import EMT
from ase.io import read, write
from checking import check_up

from mlipcheck.check import Context
from mlipcheck.checks.dynamics.check import CRITERIA, read_ratio
from mlipcheck.checks.dynamics.nve import Dynamics, Segment, Trajectory, add_run, heat, simulate
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.run import run_checkup
from mlipcheck.checkup.store import make_store
from mlipcheck.cli.inputs import parse_time
from mlipcheck.system import Settings

ONLY = Settings(only=("dynamics",), time=200.0)
QUESTIONS = {c.quantity for c in CRITERIA}


class Springs(Calculator):
    """Every atom is tied to its first place by a spring: E = k/2 Σ x²; the motion is exact.

    ``curl`` adds c k z × x to the forces, which is the derivative of no energy.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, home, k=100.0, curl=0.0):
        super().__init__()
        self.home, self.k, self.curl = home, k, curl

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x = atoms.positions - self.home
        forces = -self.k * x + self.curl * self.k * np.cross([0, 0, 1.0], x)
        self.results = {"energy": self.k / 2 * np.sum(x**2), "forces": forces}


def oscillate(step, temperature=300.0, **faults):
    hot = heat(bulk("Cu", cubic=True) * 2, temperature, 0)
    calculator = Springs(hot.positions.copy(), **faults)
    pieces = simulate(calculator, hot, step, 200.0, "key", Context())
    (trajectory,) = add_run(Dynamics("it", time=200.0), hot, step, pieces).trajectories
    return trajectory


@pytest.fixture
def copper(tmp_path):
    path = tmp_path / "copper.cif"
    write(path, bulk("Cu", cubic=True))
    return str(path)


@pytest.fixture(scope="module")
def emt(tmp_path_factory):
    path = tmp_path_factory.mktemp("emt") / "copper.cif"
    write(path, bulk("Cu", cubic=True))
    (row,) = check_up(EMT(), [str(path)], ONLY).rows("dynamics")
    return row


def judged(row):
    found = {c.quantity: (c, c.read(row)) for c in CRITERIA}
    return {name: c.status(r) for name, (c, r) in found.items() if r is not None}


def test_an_oscillator_has_half_of_its_heat_in_springs():
    assert oscillate(1.0).temperature == pytest.approx(300, rel=0.15)


def test_the_fluctuation_falls_with_the_square_of_the_step():
    """Velocity Verlet conserves H + h² (p.∇∇V.p / 12 m² - |∇V|² / 24 m) + O(h⁴)."""
    sizes = [oscillate(h).fluctuation for h in (4.0, 2.0, 1.0)]
    assert sizes[0] / sizes[1] == pytest.approx(4.0, abs=0.4)
    assert sizes[1] / sizes[2] == pytest.approx(4.0, abs=0.1)


def test_a_curl_drifts_by_the_work_that_it_does():
    """A force c k z × x does work c k (x × v)_z on each atom: the drift does not know the step."""
    slopes = [oscillate(h, curl=0.01).slope for h in (2.0, 1.0)]
    assert slopes[0] == pytest.approx(slopes[1], rel=0.15)
    assert abs(slopes[1]) > 20 * abs(oscillate(1.0).slope)


@pytest.mark.slow
def test_a_perfect_crystal_gets_nothing_worse_than_ok(emt):
    assert emt.error is None
    assert emt.ratio == pytest.approx(4.0, abs=0.3)
    assert set(judged(emt).values()) == {"ok"}
    assert emt.n_atoms == 32
    assert emt.displacement < 0.12


class WithoutStress(EMT):
    """One that cannot relax a cell; its crystals keep theirs."""

    implemented_properties = ("energy", "free_energy", "forces")

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        del self.results["stress"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dynamics", "phonons"])
def test_a_calculator_without_stress_is_tested_in_the_cell_that_was_given(name, tmp_path):
    if name == "phonons":
        pytest.importorskip("phonopy")
    write(tmp_path / "Cu.cif", bulk("Cu", a=3.65, cubic=True))
    settings = Settings(only=(name,), quick=True)
    (row,) = check_up(WithoutStress(), [str(tmp_path / "Cu.cif")], settings).rows(name)
    assert row.error is None
    assert row.n_atoms == 32


class Faulty(EMT):
    """EMT with one fault planted: a curl, forces cut off, a hole, noise, or a failure."""

    def __init__(self, fault):
        super().__init__()
        self.fault, self.calls, self.home = fault, 0, None
        self.rng = np.random.default_rng(3)

    def calculate(self, atoms=None, *args, **kwargs):
        super().calculate(atoms, *args, **kwargs)
        self.calls += 1
        forces, moving = self.results["forces"], atoms.get_momenta().any()
        if moving and self.home is None:
            self.home = atoms.positions.copy()
        if self.fault == "curl" and moving:
            forces += 0.1 * np.cross([0, 0, 1.0], atoms.positions - self.home)
        if self.fault == "step" and moving:
            self.results["energy"] += 0.05 * (abs(atoms.positions[0] - self.home[0]).max() > 0.05)
        if self.fault == "noise":
            forces += self.rng.normal(scale=0.05, size=forces.shape) if moving else 0.0
        if self.fault == "late" and self.calls > 120:
            raise RuntimeError("out of order")
        self.results["free_energy"] = self.results["energy"]


def run_with(fault, path):
    (row,) = check_up(Faulty(fault), [path], ONLY).rows("dynamics")
    return row


@pytest.mark.slow
def test_forces_with_a_curl_do_not_conserve_at_any_step(copper):
    row = run_with("curl", copper)
    found = judged(row)
    assert row.ratio == pytest.approx(1, abs=0.3)
    assert found.pop("energy fluctuations") == "caution"
    assert set(found.values()) == {"ok"}


@pytest.mark.slow
def test_an_energy_that_jumps_is_named(copper):
    row = run_with("step", copper)
    assert row.ratio < 2.5
    reading = read_ratio(row)
    assert judged(row)["energy fluctuations"] == "caution"
    assert "the energy jumps" in reading.text


@pytest.mark.slow
def test_noise_in_the_forces_is_no_smooth_potential(copper):
    row = run_with("noise", copper)
    assert judged(row)["energy fluctuations"] == "caution"
    assert "jumps" not in read_ratio(row).text


@pytest.mark.slow
def test_a_calculator_that_fails_in_the_middle_is_shown_as_far_as_it_came(copper):
    row = run_with("late", copper)
    assert row.error is None
    found = judged(row)
    assert found["run to its end"] == "fail"
    reading = next(c.read(row) for c in CRITERIA if c.quantity == "run to its end")
    assert "RuntimeError: out of order" in reading.text
    assert 50 < row.trajectories[0].times[-1] < 250


def test_what_falls_into_a_hole_is_named():
    row = Dynamics("it", closest={"Cu-Cu": 1.1})
    assert judged(row)["closest approach"] == "fail"
    near = Dynamics("it", closest={"Cu-Cu": 2.2}, collapses={"Cu-Cu": 2.0})
    assert near.margin == ("Cu-Cu", pytest.approx(1.1))
    assert judged(near)["closest approach"] == "caution"
    assert "closest approach" not in judged(Dynamics("it", closest={"Cu-Cu": 2.2}))


def test_a_drift_that_comes_of_the_step_is_not_the_models():
    none = np.array([])
    long = Trajectory(2.0, none, none, 1.0, slope=1100.0, slope_error=20.0)
    short = Trajectory(1.0, none, none, 0.1, slope=8.0, slope_error=1.0)
    row = Dynamics("brucite", trajectories=(long, short))
    assert judged(row)["energy drift"] == "ok"
    assert judged(row)["energy fluctuations"] == "not assessed"
    same = Dynamics("it", trajectories=(Trajectory(2.0, none, none, 1.0, 9.0, 1.0), short))
    assert judged(same)["energy drift"] == "fail"


def test_fluctuations_at_rounding_are_not_judged():
    none = np.array([])
    runs = tuple(Trajectory(h, none, none, 0.0005, 0.0, 0.01) for h in (2.0, 1.0))
    assert judged(Dynamics("it", trajectories=runs, noise=0.0004))["energy fluctuations"] == (
        "not assessed"
    )
    assert judged(Dynamics("it", trajectories=runs, noise=1e-6))["energy fluctuations"] == "caution"


def end_of(start, moves):
    """What a run that moved atoms so far made of a structure."""
    still = np.zeros((len(start), 3))
    piece = Segment(np.zeros(1), np.zeros(1), {}, start.positions + moves, still)
    return add_run(Dynamics("it", temperature=300.0), start, 1.0, [piece])


def test_an_atom_that_leaves_is_lost_with_its_bonds():
    crystal = bulk("Cu", cubic=True) * 2
    moves = np.zeros((32, 3))
    moves[0] = [0, 0, 200.0]
    row = end_of(crystal, moves)
    assert (row.broken, row.lost) == (12, 1)
    assert judged(row)["bonds under heat"] == "caution"
    assert (end_of(crystal, moves + 5).broken, end_of(crystal, 0 * moves + 5).broken) == (12, 0)


def test_molecules_that_turn_are_no_melt():
    water = molecule("H2O", cell=[3.1] * 3, pbc=True)
    moves = np.where(water.numbers == 1, 0.5, 0.0)[:, None] * [0, 0, 1.0]
    assert end_of(water, moves).displacement == pytest.approx(0)
    assert judged(end_of(water, moves))["displacements under heat"] == "ok"
    chain = water + Atoms("O", [[0, 1.5, 1.5]])
    moves = np.outer([0.3, 0, 0, -0.3], [1.0, 0, 0])
    spacing = (3.1**3 / 2) ** (1 / 3)  # of two atoms
    assert end_of(chain, moves).displacement == pytest.approx(0.3 / spacing)


@pytest.mark.parametrize("turns", [True, False])
def test_molecules_melt_by_their_centres(turns):
    """Dry ice whose molecules turn by 0.5 Å keeps its sites; where they move so far it does not."""
    molecules = bulk("C", "fcc", a=5.6, cubic=True)
    ice = molecules + molecules.copy() + molecules.copy()
    ice.symbols[4:] = "O"
    ice.positions[4:8, 2] += 1.16
    ice.positions[8:, 2] -= 1.16
    moves = np.zeros((12, 3))
    if turns:
        moves[4:8, 0], moves[8:, 0] = 0.5, -0.5
    else:
        moves[:, 0] = np.tile([1, -1, 1, -1], 3)
    row = end_of(ice, moves)
    assert row.displacement == pytest.approx(0.0 if turns else 4 ** (1 / 3) / 5.6, abs=1e-9)
    found = {"displacements under heat": "ok" if turns else "caution", "bonds under heat": "ok"}
    assert {name: judged(row)[name] for name in found} == found


def test_a_melt_is_told_and_judged_near_room_temperature_only():
    for temperature, status in ((300.0, "caution"), (1500.0, "not assessed")):
        row = Dynamics("it", temperature=temperature, displacement=0.3)
        assert judged(row).pop("displacements under heat") == status
        assert judged(row).pop("bonds under heat") == "ok"


@pytest.mark.slow
def test_a_crystal_melts_when_it_is_heated_far_beyond_its_melting_point(copper):
    hot = Settings(only=("dynamics",), time=200.0, temperature=6000.0)
    (row,) = check_up(EMT(), [copper], hot).rows("dynamics")
    assert row.displacement > 0.15
    assert judged(row)["displacements under heat"] == "not assessed"


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_and_is_kept(copper, tmp_path, emt):
    class Interrupted(EMT):
        calls = 0

        def calculate(self, *args, **kwargs):
            Interrupted.calls += 1
            if Interrupted.calls == 150:
                raise KeyboardInterrupt
            super().calculate(*args, **kwargs)

    settings = replace(ONLY, fits=tmp_path / "kept")
    for calculator in (Interrupted(), EMT()):
        plan = plan_checkup(calculator, [copper], settings)
        store = make_store(EMT(), tmp_path / "parts", plan.system)
        run = run_checkup(calculator, plan, store=store)
    assert store.used >= 1
    (row,) = run.rows("dynamics")
    for found, expected in zip(row.trajectories, emt.trajectories, strict=True):
        assert found.energies == pytest.approx(expected.energies, abs=1e-6)
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert names == ["dynamics-copper-1fs.traj", "dynamics-copper-2fs.traj"]
    frames = read(tmp_path / "kept" / names[0], index=":")
    assert len(frames) == 2
    assert frames[0].get_momenta().any()


@pytest.mark.slow
def test_runs_of_a_long_name_are_kept_in_a_file_each(tmp_path):
    path = tmp_path / f"{'copper-' * 6}.cif"
    write(path, bulk("Cu"))
    settings = Settings(only=("dynamics",), quick=True, time=50.0, fits=tmp_path / "kept")
    check_up(EMT(), [str(path)], settings)
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_what_is_no_crystal_is_left_out_with_the_reason(tmp_path):
    for name, atoms in (("slab", fcc111("Cu", (1, 1, 3), vacuum=8)), ("water", molecule("H2O"))):
        atoms.info.clear()
        write(tmp_path / f"{name}.traj", atoms)
    given = [str(tmp_path / "slab.traj"), str(tmp_path / "water.traj")]
    plan = plan_checkup(EMT(), given, Settings(only=("dynamics", "dimers")))
    assert plan.not_run["dynamics"] == "no crystals in three dimensions: slab, water"


def test_hydrogen_has_shorter_steps(tmp_path):
    write(tmp_path / "pdh.cif", bulk("PdH", "rocksalt", a=4.1))
    plan = plan_checkup(EMT(), [str(tmp_path / "pdh.cif")], ONLY)
    (task,) = plan.jobs[0].tasks
    assert task.steps == 200 + 400


def test_one_atom_alone_is_no_fault(tmp_path):
    write(tmp_path / "one.xyz", Atoms("Cu", cell=[9, 9, 9], pbc=True))
    plan = plan_checkup(EMT(), [str(tmp_path / "one.xyz")], Settings(only=("dynamics", "dimers")))
    assert "no crystals in three dimensions" in plan.not_run["dynamics"]


@pytest.mark.parametrize(
    ("text", "fs"),
    [("200", 200.0), ("200fs", 200.0), ("10ps", 1e4), ("0.5 ps", 500.0)],
)
def test_times_are_read_with_their_units(text, fs):
    assert parse_time(text) == fs


@pytest.mark.parametrize("text", ["", "long", "10 hours", "-3ps", "1.2.3ps"])
def test_what_is_no_time_is_a_mistake(text):
    with pytest.raises(InputError, match="--time is"):
        parse_time(text)


@pytest.mark.parametrize("given", [{"time": 3.0}, {"temperature": 0.0}, {"temperature": -5.0}])
def test_settings_that_cannot_be(given):
    with pytest.raises(InputError, match="give"):
        Settings(**given)


@pytest.mark.slow
def test_chgnet_on_salt_and_silicon(chgnet, tmp_path):
    write(tmp_path / "salt.cif", bulk("NaCl", "rocksalt", a=5.69, cubic=True))
    settings = Settings(only=("dynamics",), time=200.0)
    (row,) = check_up(chgnet, [str(tmp_path / "salt.cif")], settings).rows("dynamics")
    assert row.n_atoms == 64
    long, short = (1000 * t.fluctuation for t in row.trajectories)
    assert 6.6 / 1.5 < long < 6.6 * 1.5
    assert 1.7 / 1.5 < short < 1.7 * 1.5
    assert set(judged(row).values()) == {"ok"}
