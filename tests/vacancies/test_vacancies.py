"""Vacancies and hops: EMT by hand and by ASE's NEB, planted faults, then real models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.mep import NEB
from ase.optimize import BFGS
from ase.spacegroup import crystal as spacegroup_crystal
from faulty import Failing, Faulty
from structures import phosphate

from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.check import Context, Skip, Task
from mlipcheck.checks.vacancies.check import METALS, Vacancies, _metal
from mlipcheck.checks.vacancies.hops import IONS, Hop, Vacancy, _follow, _open, find_hops
from mlipcheck.references import datasets, metals
from mlipcheck.references.metals import KnownVacancy, known_vacancies
from mlipcheck.references.structures import from_atoms
from mlipcheck.storage import from_plain, to_plain
from mlipcheck.system import Settings, System
from mlipcheck.uses import CONSISTENCY, ELEMENTS
from mlipcheck.verdict import judge

OURS = {"vacancy formation energy", "vacancy hop", "barrier of a hop", "equal ends"}
CHGNET = {
    "Cu": (0.74, 0.57),
    "Al": (0.16, 0.18),
    "Ni": (1.25, 0.91),
    "Ag": (0.51, 0.44),
    "Au": (0.33, 0.25),
    "Pd": (0.90, 0.50),
    "Pt": (0.86, 0.57),
}


class Scaled(Faulty):
    """Energies, forces and stresses times a factor: softness."""

    def __init__(self, factor):
        super().__init__(EMT())
        self.factor = factor

    def spoil(self, atoms):
        for name in ("energy", "forces", "stress"):
            if name in self.results:
                self.results[name] = self.results[name] * self.factor


class Planted(Faulty):
    """``change(atoms, results)`` wherever there is a vacancy."""

    def __init__(self, change):
        super().__init__(EMT())
        self.change = change

    def spoil(self, atoms):
        if len(atoms) == 31:
            self.change(atoms, self.results)


def tasks_of(quick=False, reference=("auto",), **facts):
    system = System(CalculatorInfo("x"), **facts)
    return Vacancies().tasks(system, Settings(quick=quick, reference=reference))


def own(**crystals):
    return tuple(from_atoms(atoms, name, "mine") for name, atoms in crystals.items())


def run(calculator, task, context=None):
    (row,) = Vacancies().run(calculator, task, context or Context())
    return row


def statuses(row):
    found = [f for f in judge({"vacancies": [row]}) if f.check == "vacancies"]
    return {f.quantity: f.status for f in found}


def copper(formation=1.0, hop=1.0):
    return _metal(KnownVacancy("Cu", "fcc", bulk("Cu", cubic=True), formation, {"": hop}))


@pytest.fixture(scope="module")
def by_hand():
    """EMT's vacancy in copper, its formation energy, and its hop by ASE's NEB."""
    crystal = bulk("Cu", cubic=True)
    crystal.calc = EMT()
    BFGS(FrechetCellFilter(crystal), logfile=None).run(fmax=1e-4)
    perfect = crystal.repeat(2)
    perfect.calc = EMT()
    ends = []
    for site in (0, 1):
        atoms = perfect[[k for k in range(32) if k not in (0, 1)]]
        atoms += Atoms("Cu", [perfect.positions[1 - site]])  # the other one is there
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.005)
        ends.append(atoms)
    formation = ends[0].get_potential_energy() - 31 / 32 * perfect.get_potential_energy()
    images = [ends[0], *(ends[0].copy() for _ in range(3)), ends[1]]
    band = NEB(images, climb=True, k=0.5, method="improvedtangent")
    band.interpolate(mic=True)
    for image in images[1:-1]:
        image.calc = EMT()
    BFGS(band, logfile=None).run(fmax=0.02, steps=100)
    top = max(image.get_potential_energy() for image in images)
    return formation, top - ends[0].get_potential_energy()


@pytest.fixture(scope="module")
def truth():
    """The row of EMT's copper against references of no meaning."""
    return run(EMT(), copper())


def against_itself(calculator, truth):
    return run(calculator, copper(truth.formation, truth.hops[0].barrier))


@pytest.mark.slow
def test_emt_by_hand_and_by_neb(by_hand, truth):
    assert (truth.formation, truth.hops[0].barrier) == pytest.approx(by_hand, abs=0.005)
    assert truth.atoms == 32


@pytest.mark.slow
def test_a_perfect_subject_is_ok(truth):
    row = against_itself(EMT(), truth)
    assert statuses(row) == dict.fromkeys(OURS, "ok")
    assert {f.tested_on for f in judge({"vacancies": [row]}) if f.check == "vacancies"} == {
        ELEMENTS,
        CONSISTENCY,
    }


@pytest.mark.slow
def test_softness_comes_out_as_it_is(truth):
    row = against_itself(Scaled(0.7), truth)
    found = (row.formation, row.hops[0].barrier)
    assert found == pytest.approx((0.7 * truth.formation, 0.7 * truth.hops[0].barrier), abs=0.003)
    soft = {"vacancy formation energy", "vacancy hop"}
    assert statuses(row) == {name: "caution" if name in soft else "ok" for name in OURS}


@pytest.mark.slow
def test_much_too_soft_fails(truth):
    row = against_itself(Scaled(0.3), truth)
    assert statuses(row)["vacancy hop"] == "fail"
    found = judge({"vacancies": [row]})
    assert {f.status for f in found if "defects" in f.decides} == {"fail", "ok"}
    # a metal's vacancy only hints where another use is asked about
    assert {f.hints for f in found} == {("energies",)}


@pytest.mark.parametrize(
    ("off", "status"),
    [(0.0, "ok"), (0.09, "ok"), (0.13, "caution"), (0.29, "caution"), (0.35, "fail")],
)
def test_a_small_reference_is_judged_in_ev(off, status):
    row = replace(run_row(), formation=0.3 + off, formation_reference=0.3)
    assert statuses(row)["vacancy formation energy"] == status


def run_row():
    return _metal(KnownVacancy("Cu", "fcc", bulk("Cu", cubic=True), 1.0, {"": 1.0})).subject[3]


@pytest.mark.slow
def test_a_barrier_too_low_changes_its_own_finding_only(truth):
    barrier = truth.hops[0].barrier
    row = run(EMT(), copper(truth.formation, barrier / 0.6))
    assert statuses(row) == {x: "caution" if x == "vacancy hop" else "ok" for x in OURS}
    assert any("(-40 %)" in f.value for f in judge({"vacancies": [row]}) if f.status == "caution")


@pytest.mark.slow
def test_unequal_ends_are_found(truth):
    def raise_one_end(atoms, results):  # where an atom is on the site that was emptied
        site = Atoms("Cu", [[0, *atoms.cell.diagonal()[1:] / 4]])
        away = (atoms.positions - site.positions) @ np.linalg.inv(atoms.cell[:])
        closest = np.linalg.norm((away - away.round()) @ atoms.cell[:], axis=1).min()
        results["energy"] += 0.02 * np.exp(-((closest / 0.4) ** 2))

    row = against_itself(Planted(raise_one_end), truth)
    assert statuses(row) == {x: "caution" if x == "equal ends" else "ok" for x in OURS}
    assert row.hops[0].apart == pytest.approx(0.02, abs=1e-4)


@pytest.mark.slow
def test_no_barrier_is_found_and_an_intermediate_is_none(truth):
    hop = truth.hops[0]
    row = replace(truth, formation_reference=None)
    for barrier, status in ((-0.2, "fail"), (0.0, "caution"), (0.2, "ok")):
        changed = replace(hop, barrier=barrier, intermediate=True, reference=None)
        assert statuses(replace(row, hops=(changed,)))["barrier of a hop"] == status


@pytest.mark.slow
def test_what_fails_is_a_row():
    for how in ("raise", "nan"):
        row = run(Failing(EMT(), lambda atoms: len(atoms) == 31, how), copper())
        assert row.error
        assert row.formation is None
        assert statuses(row) == {"barrier of a hop": "fail"}
    row = run(EMT(), _metal(KnownVacancy("W", "fcc", bulk("W", "fcc", a=4.0), 1.0, {"": 1.0})))
    assert "W" in row.error


@pytest.mark.parametrize(("steps", "what"), [("BULK", "crystal"), ("IONS", "vacancy")])
def test_what_does_not_converge_is_told_and_not_judged(monkeypatch, steps, what):
    short = replace(IONS, steps=1, fmax=1e-6)
    monkeypatch.setattr(f"mlipcheck.checks.vacancies.hops.{steps}", short)
    row = run(EMT(), copper())
    assert row.unconverged == f"the {what}"
    assert set(statuses(row).values()) == {"not assessed"}


@pytest.mark.slow
def test_rows_survive_json_and_steps_are_told(truth):
    assert to_plain(from_plain(type(truth), to_plain(truth))) == to_plain(truth)
    steps, task = [], copper()
    run(EMT(), task, Context(advance=steps.append))
    assert sum(steps) == task.steps == 2


# --- ways in crystals ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crystal", "length"),
    [(bulk("Cu"), 2.553), (bulk("W"), 2.737), (bulk("Mg"), 3.2), (bulk("Si"), 2.351)],
)
def test_ways_of_elements_are_bonds(crystal, length):
    paths, why = find_hops(crystal)
    (path,) = paths.values()
    start, end = crystal.positions[[path.start, path.end]]
    way = end + np.array(path.offset) @ crystal.cell[:] - start
    assert np.linalg.norm(way) == pytest.approx(length, abs=0.02)
    assert not why


def test_ways_that_an_atom_stands_in_are_none():
    paths, why = find_hops(bulk("NaCl", "rocksalt", a=5.64))
    assert not paths
    assert [x.split(":")[0] for x in why] == ["Na", "Cl"]
    assert "straight path" in why[0]
    # fluorite: fluorine's way along a cube's edge passes between two calcium, 0.82 of a bond away
    paths, why = find_hops(bulk("CaF2", "fluorite", a=5.46))
    assert list(paths) == ["F"]
    assert len(why) == 1


DRY_ICE = spacegroup_crystal(
    ["C", "O"],
    [(0, 0, 0), (0.1185, 0.1185, 0.1185)],
    spacegroup=205,
    cellpar=[5.624] * 3 + [90] * 3,
)


@pytest.mark.parametrize(
    ("crystal", "held"),
    [
        (DRY_ICE, {"C", "O"}),
        (phosphate(), {"P", "O"}),  # and Li and Fe hop, or have no path
        (bulk("NaCl", "rocksalt", a=5.64), set()),
        (bulk("MgO", "rocksalt", a=4.21), set()),
        (bulk("Cu"), set()),
        (bulk("Si"), set()),
        (graphene(vacuum=1.7), set()),
    ],
    ids=lambda x: str(x.symbols) if isinstance(x, Atoms) else "",
)
def test_covalent_units_are_not_broken(crystal, held):
    crystal.pbc = True
    hops, why = find_hops(crystal)
    assert {x.split(":")[0] for x in why if "covalent units" in x} == held
    assert not held & set(hops)


class Tied(Calculator):
    """Atoms on springs k to their places, the first one on a spring of 1 eV/Å² to the second."""

    implemented_properties = ("energy", "forces")

    def __init__(self, home, k):
        super().__init__()
        self.home, self.k = home.copy(), np.where(np.arange(len(home)) < 1, 0.0, 10.0)[:, None]
        self.k[1] = k

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x = atoms.positions - self.home
        forces = -self.k * x
        forces[0] += x[1] - x[0]
        forces[1] += x[0] - x[1]
        energy = np.sum(self.k * x**2) / 2 + np.sum((x[1] - x[0]) ** 2) / 2
        self.results = {"energy": energy, "forces": forces}


@pytest.mark.parametrize("k", [0.0, 3.0])
def test_what_takes_a_partner_along_has_no_barrier(k):
    """The partner goes d/2 along where it is free, and d/2 / (1 + k) where it is tied."""
    atoms, way = bulk("Cu", cubic=True) * 2, np.array([2.0, 0, 0])
    calculator = Tied(atoms.positions, k)
    hop = _follow(calculator, atoms, 0, way, Hop("", 0, 1), (0.0, atoms.positions))
    row = Vacancy("x", atoms=32, hops=(hop,))
    if k:
        assert hop.barrier == pytest.approx(0.5 * k / (1 + k), abs=0.001)  # springs in series
        assert statuses(row)["barrier of a hop"] == "ok"
    else:
        assert hop.barrier is None
        assert statuses(row)["barrier of a hop"] == "not assessed"
        (finding,) = (f for f in judge({"vacancies": [row]}) if f.quantity == "barrier of a hop")
        assert finding.value.endswith("another moved along, Cu 1.0 Å: that is no hop")


@pytest.mark.slow
def test_each_hop_of_an_hcp_metal_has_a_barrier():
    """Those of another vacancy's atoms at rest would seem to have moved by their distances."""
    crystal = bulk("Cu", "hcp", a=2.55, c=4.16)
    row = run(EMT(), _metal(KnownVacancy("Cu", "hcp", crystal, 1.0, {})))
    assert [h.name for h in row.hops] == ["basal", "out of plane"]
    assert [h.follower for h in row.hops] == ["", ""]
    # those of hops 0 to (1, 0, 0) and 0 to 1, equal by symmetry, by their energies alone
    assert [h.barrier for h in row.hops] == pytest.approx([0.745, 0.795], abs=0.005)


@pytest.mark.parametrize("lattice", METALS)
def test_hops_of_a_metal_lead_into_one_vacancy(lattice):
    repeat, hops = METALS[lattice]
    crystal = bulk("Cu", lattice, a=2.55, **({"c": 4.16} if lattice == "hcp" else {"cubic": True}))
    opened = [_open(crystal, crystal.repeat(repeat), repeat, hop)[0] for hop in hops]
    assert all(vacant == opened[0] for vacant in opened)


def test_the_two_ends_of_a_hop_are_evaluated_once(monkeypatch):
    asked, atoms = [], bulk("Cu", cubic=True)
    where = "mlipcheck.checks.vacancies.hops"
    monkeypatch.setattr(f"{where}.find_energies", lambda _, images: asked.append(images) or [0, 1])
    monkeypatch.setattr(f"{where}._relax", lambda *_: None)
    hop = _follow(EMT(), atoms, 0, np.array([2.0, 0, 0]), Hop("", 0, 1), (0.0, atoms.positions))
    assert (hop.apart, hop.barrier) == (1, None)
    ((start, end),) = asked
    assert (end.positions - start.positions)[0].tolist() == [2, 0, 0]


@pytest.mark.slow
def test_a_users_crystal_of_one_atom_and_an_alloy():
    (task,) = tasks_of(references=own(cu=bulk("Cu", a=3.6)))
    row = run(EMT(), task)
    assert row.atoms == 64
    assert row.formation == pytest.approx(1.25, abs=0.05)
    assert set(statuses(row).values()) == {"ok"}
    assert {f.tested_on for f in judge({"vacancies": [row]})} == {CONSISTENCY}
    alloy = bulk("Cu", a=3.75, cubic=True)
    alloy.symbols[[0, 3]] = "Au"
    tasks = [t for t in tasks_of(references=own(alloy=alloy)) if isinstance(t, Task)]
    assert [t.name for t in tasks] == ["Au in alloy", "Cu in alloy"]
    row = run(EMT(), tasks[1])
    assert row.formation is None
    assert statuses(row) == {"barrier of a hop": "ok", "equal ends": "ok"}


def test_what_is_no_crystal_is_skipped_with_the_reason():
    slab = fcc111("Al", (1, 1, 3), vacuum=8.0, periodic=True)
    layer = graphene(vacuum=8.0)
    references = own(slab=slab, water=molecule("H2O"), layer=layer)
    (skip,) = tasks_of(references=references)
    assert skip.reason == "no crystals in three dimensions: slab, water, layer"


@pytest.mark.slow
def test_work_is_bounded_and_what_is_left_out_is_named():
    big = bulk("Cu", cubic=True).repeat(4)
    big.rattle(0.01)
    (skip,) = tasks_of(references=own(big=big))
    assert "256 atoms" in skip.reason
    references = own(**{x: bulk(x, "fcc", a=3.9) for x in ("Cu", "Ag", "Au", "Pd", "Pt")})
    *tasks, skip = tasks_of(references=references)
    assert [t.name for t in tasks] == ["Cu in Cu", "Ag in Ag", "Au in Au"]
    assert skip.reason == "3 crystals at most; left out: Pd, Pt"
    task, skip = tasks_of(quick=True, references=references)
    assert task.name == "Cu in Cu"


# --- the reference ------------------------------------------------------------------------------


def test_metals_have_their_own_lattice_and_their_magnetic_row(data_dir):
    known = {k.element: k for k in known_vacancies(["Cu", "Fe", "W", "Co", "Ni", "Be", "Ar", "O"])}
    assert list(known) == ["Cu", "Co", "Ni", "Be"]
    assert (known["Cu"].formation, known["Cu"].hops) == (1.07, {"": 0.72})
    assert known["Be"].lattice == "hcp"
    assert known["Co"].hops == {"basal": 0.81, "out of plane": 0.78}
    assert (known["Ni"].formation, known["Ni"].hops) == (1.43, {"": 1.08})
    for k in known.values():
        volume = {"Cu": 11.97, "Co": 10.85, "Ni": 10.90, "Be": 7.92}[k.element]
        assert k.crystal.get_volume() / len(k.crystal) == pytest.approx(volume)


def test_ways_of_the_metals_are_their_shortest():
    for lattice, length in (("fcc", 2.556), ("hcp", None)):
        crystal = bulk("Cu", cubic=True, a=3.615) if lattice == "fcc" else bulk("Mg")
        for path in METALS[lattice][1]:
            way = crystal.positions[path.end] + np.array(path.offset) @ crystal.cell[:]
            way = way - crystal.positions[path.start]
            if lattice == "fcc":
                assert np.linalg.norm(way) == pytest.approx(length, abs=1e-3)
            else:
                assert np.linalg.norm(way) < 3.25
                assert (abs(way[2]) < 1e-6) == (path.name == "basal")


def test_elements_without_a_reference_are_named(data_dir):
    *tasks, skip = tasks_of(elements=("Cu-O", "Al", "Fe"))
    assert [t.name for t in tasks] == ["Al-fcc", "Cu-fcc"]
    assert skip.reason == "no reference of a vacancy in Fe, O: no fcc or hcp metal"
    tasks = tasks_of(quick=True, elements=("Cu", "Al", "Mg"))
    assert [t.name for t in tasks if isinstance(t, Task)] == ["Al-fcc", "Cu-fcc"]
    assert isinstance(tasks[-1], Skip)
    assert "Mg" in tasks[-1].reason
    (skip,) = tasks_of(elements=("Cu",), reference=("none",))
    assert "--reference none" in skip.reason


def test_without_the_data_it_says_how_to_get_them(monkeypatch):
    monkeypatch.setattr(metals.datasets, "find", lambda name: None)
    (skip,) = tasks_of(elements=("Cu",))
    assert f"mlipcheck data {metals.VACANCIES}" in skip.reason
    assert datasets.get_dataset(metals.VACANCIES).licence == "Apache-2.0"


@pytest.mark.slow
@pytest.mark.parametrize("element", CHGNET)
def test_chgnet(data_dir, chgnet, element):
    row = run(chgnet, tasks_of(elements=(element,))[0])
    assert (row.formation, row.hops[0].barrier) == pytest.approx(CHGNET[element], abs=0.03)
    assert statuses(row)["equal ends"] == "ok"


@pytest.mark.slow
@pytest.mark.parametrize(("element", "formation", "hop"), [("Cu", 0.93, 0.59), ("Al", 0.59, 0.58)])
def test_sevennet(data_dir, sevennet, element, formation, hop):
    row = run(sevennet, tasks_of(elements=(element,))[0])
    assert (row.formation, row.hops[0].barrier) == pytest.approx((formation, hop), abs=0.03)
    assert set(statuses(row).values()) == {"ok"}


@pytest.mark.slow
def test_sevennet_palladium(data_dir, sevennet):
    row = run(sevennet, tasks_of(elements=("Pd",))[0])
    assert row.hops[0].barrier == pytest.approx(0.73, abs=0.03)


def test_selenium_and_tellurium_are_no_metals(data_dir):
    from mlipcheck.references.metals import known_vacancies

    assert known_vacancies(["Se", "Te"]) == []
    assert [v.element for v in known_vacancies(["Te", "Cu"])] == ["Cu"]
