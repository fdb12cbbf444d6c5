"""Elastic constants: energies, pairs and symmetry as truths, planted faults, real models."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from scipy.spatial.transform import Rotation

from mlipcheck.analysis.strain import strained
from mlipcheck.analysis.tensor import (
    MANDEL,
    MODES,
    distance,
    eigenvalues,
    fit_tensors,
    invariant_tensors,
    moduli,
)
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.calculators.evaluate import evaluate
from mlipcheck.check import Context, Skip
from mlipcheck.checks.crystals import bring_to_rest
from mlipcheck.checks.elasticity.check import Elasticity, _task
from mlipcheck.checks.elasticity.strains import measure_tensor
from mlipcheck.comparison import compare_runs
from mlipcheck.drawing.tables import TableBlock
from mlipcheck.record import RunRecord
from mlipcheck.references.inputs import frames_from_atoms, load_frame_sets
from mlipcheck.references.strained import find_strained, known_strained
from mlipcheck.references.structures import RelaxedReference, from_atoms
from mlipcheck.system import Settings, System
from mlipcheck.uses import ELEMENTS, OWN
from mlipcheck.verdict import judge


class Planted(Calculator):
    """EMT with a stress that is off by a factor, and an energy by a constant."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, shift=0.0, normal=1.0, shear=1.0):
        super().__init__()
        self.shift, self.factors = shift, np.array([normal] * 3 + [shear] * 3)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        image = atoms.copy()
        image.calc = EMT()
        self.results = {
            "energy": image.get_potential_energy() + self.shift,
            "forces": image.get_forces(),
            "stress": image.get_stress() * self.factors,
        }


def cubic(c11, c12, c44):
    found = np.diag([c11 - c12] * 3 + [c44] * 3).astype(float)
    found[:3, :3] += c12
    return found


def row_of(calculator, atoms, source="acwf-unaries", **facts):
    known = RelaxedReference("crystal", source, atoms, **facts)
    (row,) = Elasticity().run(calculator, _task(known), Context())
    return row


def statuses(row):
    return {f.quantity: f.status for f in judge({"elasticity": [row]})}


def labelled(atoms, strains, calculator=None, seed=0):
    """Return cells with labels, each turned in space at random."""
    turns = Rotation.random(len(strains), random_state=seed).as_matrix()
    images = []
    for strain, turn in zip(strains, turns, strict=True):
        image = strained(atoms, strain)
        image.set_cell(image.cell[:] @ turn, scale_atoms=True)
        image.calc = calculator or EMT()
        labels = {"energy": image.get_potential_energy(), "forces": image.get_forces()}
        labels["stress"] = image.get_stress()
        image.calc = SinglePointCalculator(image, **labels)
        images.append(image)
    return images


STRAINS = [size * mode for mode in MODES for size in (0.005, 0.01, -0.005, -0.01)]


@pytest.fixture(scope="module")
def copper():
    return measure_tensor(EMT(), bulk("Cu", a=3.59))


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """A file of strained cells of copper, and of what is none."""
    path = tmp_path_factory.mktemp("strained") / "mine.xyz"
    images = labelled(bulk("Cu", a=3.59, cubic=True), [np.zeros((3, 3)), *STRAINS])
    water = molecule("H2O")
    water.calc = SinglePointCalculator(water, energy=-14.0, forces=np.zeros((3, 3)))
    write(path, [water, *images])
    return path


def compared(calculator, source):
    (labels,) = load_frame_sets([source])
    system = System(CalculatorInfo("x"), frames=(labels,))
    (task,) = Elasticity().tasks(system, Settings(reference=("none",)))
    (row,) = Elasticity().run(calculator, task, Context())
    return row


def test_moduli_of_a_cubic_crystal():
    tensor = cubic(170.0, 121.0, 76.0)
    voigt, reuss = (49 + 3 * 76) / 5, 5 * 49 * 76 / (4 * 76 + 3 * 49)
    assert moduli(tensor) == pytest.approx(((170 + 2 * 121) / 3, (voigt + reuss) / 2))
    assert eigenvalues(tensor) == pytest.approx([49, 49, 152, 152, 152, 412])


def test_moduli_do_not_depend_on_the_axes():
    turn = Rotation.from_euler("xyz", [20, 50, 70], degrees=True).as_matrix()
    six = np.einsum("iab,ac,jcd,bd->ij", MODES, turn, MODES, turn)
    tensor = cubic(170.0, 121.0, 76.0)
    turned = six @ (tensor * MANDEL) @ six.T / MANDEL
    assert np.abs(turned - tensor).max() > 1
    assert moduli(turned) == pytest.approx(moduli(tensor))
    assert distance(turned, 1.1 * turned) == pytest.approx(distance(tensor, 1.1 * tensor))


@pytest.mark.parametrize(
    ("atoms", "constants"),
    [
        (bulk("Cu"), 3),
        (bulk("Si"), 3),
        (bulk("Mg"), 5),
        (bulk("In", "bct", a=3.3, c=4.9), 6),
        (Atoms("Cu", cell=[3, 4, 5], pbc=True), 9),
        (Atoms("CuAuAg", [[0, 0, 0], [1, 2, 1.5], [2.1, 0.7, 3]], cell=[4, 4.5, 5], pbc=True), 21),
    ],
)
def test_symmetry_counts_the_constants(atoms, constants):
    assert len(invariant_tensors(atoms)) == constants


def test_a_tensor_is_fitted_to_itself():
    rng = np.random.default_rng(0)
    tensor = rng.normal(size=(6, 6))
    tensor = tensor @ tensor.T
    strains = np.array(STRAINS)
    voigt = [full_3x3_to_voigt_6_stress(e) * [1, 1, 1, 2, 2, 2] for e in strains]
    stresses = np.array([voigt_6_to_full_3x3_stress(tensor @ e + 0.1) for e in voigt])
    pairs = zip(*np.triu_indices(6), strict=True)
    basis = np.array([np.outer(a, b) + np.outer(b, a) for a, b in np.eye(6)[list(pairs)]])
    fits = fit_tensors(strains, stresses, basis)
    assert fits.shape == (3, 6, 6)
    assert fits[0] == pytest.approx(tensor)
    assert fit_tensors(strains[:12], stresses[:12], basis) is None


def test_copper_has_the_second_derivatives_of_its_energy(copper):
    lengths = np.linspace(3.57, 3.61, 9)

    def energy(atoms):
        atoms.calc = EMT()
        return atoms.get_potential_energy()

    fit = np.polyfit(lengths, [energy(bulk("Cu", a=a)) for a in lengths], 4)
    roots = np.roots(np.polyder(fit))
    start = bulk("Cu", a=float(min(roots.real, key=lambda a: abs(a - 3.59))))

    def curvature(strain, h=0.004):
        low, middle, high = (energy(strained(start, x * strain)) for x in (-h, 0, h))
        return (low - 2 * middle + high) / h**2 / start.get_volume()

    c11 = curvature(np.diag([1.0, 0, 0]))
    shear = curvature(np.diag([1.0, -1.0, 0])) / 2  # C11 - C12
    c44 = curvature(np.array([[0, 0, 0], [0, 0, 0.5], [0, 0.5, 0]]))
    truth = cubic(c11, c11 - shear, c44)
    assert distance(copper.fits[0], truth) < 0.01
    assert copper.cells == 8


@pytest.mark.slow
def test_copper_is_as_stiff_as_its_equation_of_state():
    row = row_of(EMT(), bulk("Cu", a=3.65))
    c = row.tensor.fits[0]
    assert (c[0, 0] + 2 * c[0, 1]) / 3 == pytest.approx(row.fit.b0, rel=0.02)
    assert c[2, 2] == pytest.approx(c[0, 0])
    assert c[3:, :3] == pytest.approx(np.zeros((3, 3)), abs=1e-9)
    assert set(statuses(row).values()) == {"ok"}
    assert "mechanical stability" in statuses(row)


@pytest.mark.slow
def test_cells_and_axes_do_not_matter(copper):
    conventional = measure_tensor(EMT(), bulk("Cu", a=3.59, cubic=True))
    assert distance(conventional.fits[0], copper.fits[0]) < 0.005
    turned = bulk("Cu", a=3.59)
    turned.rotate(40, (1, 2, 3), rotate_cell=True)
    found = measure_tensor(EMT(), turned)
    assert eigenvalues(found.fits[0]) == pytest.approx(eigenvalues(copper.fits[0]), rel=0.005)


@pytest.mark.slow
def test_pairs_obey_cauchy():
    lj = LennardJones(sigma=2.5, epsilon=0.3, rc=6.0, ro=5.0, smooth=True)
    c = measure_tensor(lj, bulk("Ar", "fcc", a=3.9)).fits[0]
    assert c[0, 1] == pytest.approx(c[3, 3], rel=0.01)
    assert c[0, 1] != pytest.approx(c[0, 0], rel=0.1)


@pytest.mark.slow
def test_ions_that_relax_make_a_crystal_softer():
    start = bulk("Cu", "hcp", a=2.55, c=4.2)
    found = measure_tensor(EMT(), start)
    free, hcp = found.fits[0], bring_to_rest(EMT(), start, 0.005, cell=True)
    stresses = evaluate(EMT(), [strained(hcp, e) for e in STRAINS], properties=("stress",))
    full = np.array([voigt_6_to_full_3x3_stress(e.stress) for e in stresses])
    clamped = fit_tensors(np.array(STRAINS), full, invariant_tensors(hcp))[0]
    # the two atoms of a cell slide against each other under shear of the plane alone
    assert free[5, 5] < 0.9 * clamped[5, 5]
    assert free[2, 2] == pytest.approx(clamped[2, 2], rel=1e-3)
    for c in (free, clamped):
        assert c[5, 5] == pytest.approx((c[0, 0] - c[0, 1]) / 2)
    assert found.cells == 12


@pytest.mark.slow
@pytest.mark.parametrize(("source", "status"), [("acwf-unaries", "fail"), ("POSCAR", "caution")])
def test_an_unstable_lattice_is_found(source, status):
    row = row_of(EMT(), bulk("Cu", "bcc", a=2.86), source)
    found = statuses(row)
    assert found.pop("mechanical stability") == status
    assert set(found.values()) == {"ok"}
    assert moduli(row.tensor.fits[0])[1] == 0


@pytest.mark.slow
@pytest.mark.parametrize(("lattice", "status"), [("bcc", "caution"), ("fcc", "ok")])
def test_a_guess_is_judged_where_the_model_has_relaxed_it(lattice, status):
    a = {"bcc": 2.86, "fcc": 3.7}[lattice]
    row = row_of(EMT(), bulk("Cu", lattice, a=a), "atoms", start_only=True)
    found = {f.quantity: f for f in judge({"elasticity": [row]})}
    assert found["mechanical stability"].status == status
    assert "at zero pressure" in found["mechanical stability"].value


@pytest.mark.slow
def test_a_stress_that_is_off_at_the_minimum_is_found():
    found = statuses(row_of(Planted(normal=1.3), bulk("Cu", a=3.59)))
    assert found.pop("pressure") == "fail"
    assert set(found.values()) == {"ok"}


class Rough(Calculator):
    """Copper that small strains hardly strain: K is half of B0, and energy and stress agree."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, size):
        super().__init__()
        self.size, self.v0 = size, measure_volume()

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        image, n, v = atoms.copy(), len(atoms), atoms.get_volume()
        image.calc = EMT()
        x, width = v / n / self.v0 - 1, 0.012
        bump = -self.size * np.exp(-((x / width) ** 2) / 2)
        pressure = bump * x / width**2 / self.v0  # -dE/dV
        self.results = {
            "energy": image.get_potential_energy() - n * bump,
            "forces": image.get_forces(),
            "stress": image.get_stress() + pressure * np.array([1.0, 1, 1, 0, 0, 0]),
        }


def measure_volume():
    atoms = bring_to_rest(EMT(), bulk("Cu", a=3.59), 1e-4, cell=True)
    return atoms.get_volume()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "status"), [(0.0, "ok"), (6e-4, "caution")])
def test_roughness_is_found_where_two_bulk_moduli_contradict(size, status):
    row = row_of(Rough(size), bulk("Cu", a=3.59), "mine")
    found = statuses(row)
    assert found.pop("roughness of the stiffness") == status
    assert set(found.values()) == {"ok"}
    (line,) = Elasticity().tables(models_of(row))[-1].rows
    spreads = [float(x) for x in np.array(line)[[7, 9, 11]]]
    assert all(x >= 0 for x in spreads)
    half = np.ptp([c[:3, :3].mean() for c in row.tensor.fits]) / 2 / units.GPa
    assert spreads[1] == pytest.approx(half, abs=0.06)


def models_of(row):
    run = RunRecord("run", CalculatorInfo("x"), {}, {}, {"elasticity": (row,)})
    return compare_runs([run]).models


@pytest.mark.slow
def test_strained_cells_of_a_file_are_found_and_agree(cells):
    row = compared(Planted(shift=1.0), cells)
    assert row.tensor.cells == 25
    assert row.tensor.reference.shape == (3, 6, 6)
    assert distance(*row.tensor.fits[:2]) < 0.02
    assert distance(row.tensor.fits[0], row.tensor.reference[0]) == pytest.approx(0, abs=1e-4)
    assert Elasticity().evidence(row).tested_on == OWN
    (finding,) = judge({"elasticity": [row]})
    assert (finding.quantity, finding.status) == ("elastic constants", "ok")
    assert (finding.decides, finding.hints[:1]) == (("vibrations",), ("relax",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factors", "status"), [({"normal": 1.25}, "caution"), ({"shear": 0.2}, "fail")]
)
def test_a_stress_that_is_off_in_strained_cells_is_found(factors, status, tmp_path):
    path = tmp_path / "mine.xyz"
    write(path, along_axes())
    assert statuses(compared(Planted(1.0, **factors), path)) == {"elastic constants": status}


def along_axes():
    images = [strained(bulk("Cu", a=3.59), e) for e in (np.zeros((3, 3)), *STRAINS)]
    for image in images:
        image.calc = EMT()
        labels = {"energy": image.get_potential_energy(), "forces": image.get_forces()}
        image.calc = SinglePointCalculator(image, stress=image.get_stress(), **labels)
    return images


def test_labels_of_the_model_itself_judge_nothing(cells):
    row = compared(EMT(), cells)
    assert row.doubts[0].kind == "own labels"
    assert statuses(row) == {"elastic constants": "not assessed"}


@pytest.mark.slow
def test_strains_of_one_size_cannot_fail():
    strains = [np.zeros((3, 3)), *(size * m for m in MODES for size in (-0.01, 0.01))]
    frames = labelled(bulk("Cu", a=3.59), strains)
    row = compared(Planted(1.0, normal=0.4, shear=0.4), frames)
    assert statuses(row) == {"elastic constants": "caution"}


def test_what_is_no_strained_crystal_is_left_alone():
    atoms = bulk("Cu", a=3.59, cubic=True)
    volumes = labelled(atoms, [x * np.eye(3) for x in np.linspace(-0.01, 0.01, 9)])
    assert find_strained(frames_from_atoms(volumes)) == []
    hot = [strained(atoms, e) for e in STRAINS]
    for k, image in enumerate(hot):
        image.rattle(0.1, seed=k)
    assert find_strained(frames_from_atoms(labelled(hot[0], [np.zeros((3, 3))] * 9))) == []
    moving = [image for a in hot for image in labelled(a, [np.zeros((3, 3))])]
    assert find_strained(frames_from_atoms(moving)) == []


def test_a_strained_slab_is_no_crystal():
    slab = fcc111("Cu", (1, 1, 3), vacuum=6.0, periodic=True)
    assert find_strained(frames_from_atoms(labelled(slab, [np.zeros((3, 3)), *STRAINS]))) == []


def test_what_raises_in_strained_cells_is_a_row(cells):
    class Broken(Calculator):
        implemented_properties = ["energy", "stress"]

        def calculate(self, *args, **kwargs):
            raise RuntimeError("out of order")

    row = compared(Broken(), cells)
    assert "out of order" in row.error
    assert statuses(row) == {"elastic constants": "fail"}


@pytest.mark.slow
def test_a_cell_without_rest_has_no_constants():
    class NoStress(Calculator):
        implemented_properties = ["energy", "forces"]

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            image = atoms.copy()
            image.calc = EMT()
            self.results = {"energy": image.get_potential_energy(), "forces": image.get_forces()}

    row = row_of(NoStress(), bulk("Cu", a=3.59))
    assert row.error is None
    assert row.tensor.why
    assert statuses(row)["mechanical stability"] == "not assessed"


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"quick": True}, ["middling", "big"]),
        ({}, ["big"]),
        ({"only": ("elasticity",)}, []),
    ],
)
def test_large_crystals_are_strained_where_asked_for(settings, left):
    sizes = {"small": (1, 1, 1), "middling": (1, 3, 3), "big": (2, 3, 3)}
    references = tuple(from_atoms(bulk("Cu") * sizes[n], n, "mine") for n in sizes)
    system = System(CalculatorInfo("x"), references=references)
    found = Elasticity().tasks(system, Settings(reference=("none",), **settings))
    costs = {t.name: t.evaluations for t in found if not isinstance(t, Skip)}
    assert len({costs[n] for n in left}) <= 1
    assert all(costs[n] < costs["small"] for n in left)
    reasons = " ".join(t.reason for t in found if isinstance(t, Skip))
    assert ("no elastic constants beyond" in reasons) == bool(left)
    assert ", ".join(left) in reasons


def test_tables_show_the_reference_beside_the_model(cells):
    row = compared(Planted(shift=1.0), cells)
    blocks = Elasticity().tables(models_of(row))
    titles = [b.title for b in blocks if isinstance(b, TableBlock)]
    assert len(titles) == 2
    (line,) = next(b for b in blocks if isinstance(b, TableBlock) and b.title == titles[1]).rows
    k = round(moduli(row.tensor.fits[0])[0] / units.GPa)
    assert f"{k} ({k})" in line


@pytest.mark.slow
def test_pbe_of_tungsten_and_niobium(data_dir):
    found = {c.labels.source: c for c in known_strained(["W", "Nb", "Mo", "Cu"])}
    assert set(found) == {"elastic-Mo", "elastic-Nb", "elastic-W"}
    for name, truth in (("elastic-W", (523, 196, 141)), ("elastic-Mo", (472, 158, 106))):
        frames = found[name].labels.frames
        c = found[name].fit(f.stress for f in frames)[0] / units.GPa
        assert distance(c, cubic(*truth)) < 0.03


def test_elements_with_strained_cells_are_evidence(data_dir):
    system = System(CalculatorInfo("x"), elements=("W",))
    tasks = Elasticity().tasks(system, Settings())
    (row,) = [t.subject[1] for t in tasks if not isinstance(t, Skip) and t.subject[1].of_frames]
    assert Elasticity().evidence(row).tested_on == ELEMENTS
    assert row.level_of_theory == "PBE, VASP"


@pytest.mark.slow
def test_chgnet_on_silicon(chgnet):
    found = measure_tensor(chgnet, bulk("Si"))
    assert found.fits[0][3, 3] / units.GPa == pytest.approx(43, abs=3)


@pytest.mark.slow
@pytest.mark.parametrize(("element", "k", "g"), [("W", 247, 54), ("Nb", 126, 13)])
def test_chgnet_on_strained_pbe_cells(chgnet, data_dir, element, k, g):
    (cells,) = known_strained([element])
    frames = cells.labels.frames
    found = evaluate(chgnet, [f.atoms for f in frames], properties=("energy", "stress"))
    bulk_modulus, shear = moduli(cells.fit(e.stress for e in found)[0])
    assert bulk_modulus / units.GPa == pytest.approx(k, rel=0.05)
    assert shear / units.GPa == pytest.approx(g, rel=0.1)
