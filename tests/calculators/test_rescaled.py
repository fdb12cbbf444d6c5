"""A factor on forces and energies: numbers, interface, what it cannot move, and its file."""

from __future__ import annotations

import copy
import json
import pickle
import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import CalculatorSetupError, InputError, PropertyNotImplementedError
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.morse import MorsePotential
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from faulty_interface import Batched, good
from structures import copper, salt

from mlipcheck import MorseCalculator, check_calculator, evaluate, get_calculator
from mlipcheck.calculators.backends import get_backend
from mlipcheck.calculators.base import CalculatorInfo, Evaluation
from mlipcheck.calculators.registry import describe
from mlipcheck.calculators.rescaled import RescaledCalculator
from mlipcheck.calculators.toy.toy import RBFRidgeCalculator, fit_toy, wide_model

K, E0 = 1.3, -0.7
BASES = {
    "toy": lambda: get_calculator("toy:wide"),
    "morse": MorseCalculator,
    "emt": EMT,
    "lj": lambda: LennardJones(sigma=2.2, rc=6.0),
}


@pytest.fixture(params=BASES.values(), ids=BASES)
def base(request):
    return request.param()


def rescaled(base, factor=K, **energies):
    return RescaledCalculator(base, factor, energies or {"Cu": E0})


def triangle():
    return Atoms("Cu3", [[0, 0, 0], [2.3, 0.1, 0], [0.9, 2.2, 0.3]])


def read(calculator, atoms, *names):
    return [calculator.get_property(name, atoms) for name in names]


# The numbers


def test_each_property_is_scaled(base):
    energy, forces = read(base, triangle(), "energy", "forces")
    calculator = rescaled(base)
    assert calculator.get_property("forces", triangle()) == pytest.approx(K * forces, abs=0)
    zero = 3 * E0
    assert calculator.get_property("energy", triangle()) == zero + K * (energy - zero)
    assert calculator.get_property("free_energy", triangle()) == zero + K * (energy - zero)


def test_the_stress_is_scaled():
    expected = K * EMT().get_property("stress", copper())
    found = rescaled(EMT()).get_property("stress", copper())
    assert found == pytest.approx(expected, abs=0)


def test_a_molecule_has_no_stress_where_the_base_has_none():
    with pytest.raises(PropertyNotImplementedError):
        rescaled(MorseCalculator()).get_property("stress", triangle())


def test_the_energy_of_the_reference_stays(base):
    energy = base.get_property("energy", triangle())
    calculator = rescaled(base, Cu=energy / 3)
    assert calculator.get_property("energy", triangle()) == pytest.approx(energy, rel=1e-12)


def test_a_factor_of_one_changes_nothing(base):
    found = read(rescaled(base, 1), triangle(), "energy", "forces")
    energy, forces = read(base, triangle(), "energy", "forces")
    assert found[0] == pytest.approx(energy, rel=1e-12)
    assert found[1] == pytest.approx(forces, rel=1e-12, abs=1e-12)


def test_forces_are_minus_the_slope_of_the_energy(base):
    calculator, h = rescaled(base), 1e-4
    forces = calculator.get_property("forces", triangle())
    for atom, axis in ((0, 0), (1, 1), (2, 2)):
        energies = []
        for step in (-h, h):
            image = triangle()
            image.positions[atom, axis] += step
            energies.append(calculator.get_property("energy", image))
        slope = (energies[1] - energies[0]) / (2 * h)
        assert forces[atom, axis] == pytest.approx(-slope, abs=1e-5)


def test_energies_are_extensive():
    calculator = rescaled(EMT())
    one, two = copper(), copper().repeat((2, 1, 1))
    energy = calculator.get_property("energy", one)
    assert calculator.get_property("energy", two) == pytest.approx(2 * energy, rel=1e-12)


@pytest.mark.parametrize("name", ["MgO", "OMg", "Mg2O2", "O4Mg4"])
def test_a_composition_is_one_in_any_order_and_multiple(name):
    calculator = rescaled(MorseCalculator(), **{name: E0})
    crystal = bulk("MgO", "rocksalt", a=4.2, cubic=True)
    assert calculator.reference_of(crystal) == pytest.approx(8 * E0, rel=1e-12)
    assert calculator.parameters["reference_energy"] == {"MgO": E0}


def test_a_composition_without_a_reference_is_refused():
    calculator = rescaled(MorseCalculator(), MgO=-5.9, Mg=-1.6)
    expected = (
        "no reference energy of MgO2, only of MgO, Mg; add its energy per atom, relaxed with "
        "the base, to reference_energy"
    )
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        calculator.get_property("energy", Atoms("O2Mg", [[0, 0, 0], [1.2, 0, 0], [0, 2, 0]]))
    (found,) = evaluate(calculator, [triangle()])
    assert found.error.startswith("no reference energy of Cu, only of")


# What it declares, and takes from its base


def test_it_declares_what_the_base_has_and_a_factor_is_known_for():
    assert rescaled(EMT()).implemented_properties == [
        "energy", "free_energy", "forces", "stress", "magmom", "magmoms",
    ]  # fmt: skip
    assert rescaled(MorseCalculator()).implemented_properties == [
        "energy", "free_energy", "forces", "stress",
    ]  # fmt: skip
    with pytest.raises(PropertyNotImplementedError):
        rescaled(EMT()).get_property("energies", copper())


class EnergyOnly(MorseCalculator):
    """A calculator that knows of no free energy."""

    implemented_properties = ["energy", "forces"]

    def compute(self, atoms, properties):
        found = super().compute(atoms, properties)
        return {name: found[name] for name in self.implemented_properties}


def test_a_free_energy_is_delivered_whatever_the_base_has():
    calculator = rescaled(EnergyOnly())
    assert calculator.implemented_properties == ["energy", "free_energy", "forces"]
    atoms = triangle()
    atoms.calc = calculator
    energy = MorseCalculator().get_property("energy", triangle())
    expected = 3 * E0 + K * (energy - 3 * E0)
    assert atoms.get_potential_energy() == pytest.approx(expected, rel=1e-12)
    found = atoms.get_potential_energy(force_consistent=True)
    assert found == pytest.approx(expected, rel=1e-12)


def test_facts_are_those_of_the_base_where_it_has_them():
    morse = MorseCalculator()
    calculator = rescaled(morse)
    assert (calculator.cutoff, calculator.dtype) == (morse.cutoff, "float64")
    morse.set(a=2.0)
    assert calculator.cutoff == morse.cutoff
    for name in ("device", "elements", "bytes_per_edge", "evaluate_batch", "well_depth"):
        assert not hasattr(calculator, name)
    assert not hasattr(rescaled(EMT()), "cutoff")
    assert hasattr(rescaled(Batched()), "evaluate_batch")


def test_it_can_be_copied_and_pickled():
    calculator = rescaled(MorseCalculator())
    energy = calculator.get_property("energy", triangle())
    for other in (copy.deepcopy(calculator), pickle.loads(pickle.dumps(calculator))):
        assert other.get_property("energy", triangle()) == energy


def test_it_is_described_by_its_base():
    info = describe(rescaled(get_calculator("toy:wide")))
    assert (info.spec, info.backend) == ("toy:wide, rescaled", None)
    assert (info.bond_scale, info.energy_convention, info.dtype) == (1.42, "own", "float64")
    # and what is known of the base is left as it is
    assert describe(get_calculator("toy:wide")).spec == "toy:wide"
    spec = "ase.calculators.emt.EMT, rescaled"
    assert describe(rescaled(EMT())) == CalculatorInfo(spec=spec)


# What it remembers


def test_set_changes_the_factor_and_forgets():
    calculator = rescaled(MorseCalculator())
    forces = calculator.get_property("forces", triangle())
    assert calculator.set(factor=2 * K) == {"factor": 2 * K}
    assert calculator.get_property("forces", triangle()) == pytest.approx(2 * forces)
    energy = calculator.get_property("energy", triangle())
    calculator.set(reference_energy={"Cu": E0 + 1})
    expected = energy + 3 * (1 - 2 * K)
    assert calculator.get_property("energy", triangle()) == pytest.approx(expected)


def test_an_unknown_parameter_is_refused():
    with pytest.raises(InputError, match="no option 'facter'; did you mean 'factor'"):
        rescaled(EMT()).set(facter=2.0)


def test_a_base_that_changes_is_asked_again():
    morse = MorseCalculator()
    calculator = rescaled(morse)
    forces = calculator.get_property("forces", triangle())
    morse.set(well_depth=2.0)
    assert calculator.get_property("forces", triangle()) == pytest.approx(2 * forces)
    ridge = RBFRidgeCalculator(wide_model())
    calculator = rescaled(ridge)
    before = calculator.get_property("energy", triangle())
    refitted = RBFRidgeCalculator(fit_toy())
    ridge.model.__dict__.update(refitted.model.__dict__)
    expected = rescaled(refitted).get_property("energy", triangle())
    found = calculator.get_property("energy", triangle())
    assert found == pytest.approx(expected, rel=1e-12)
    assert found != pytest.approx(before)


class Counting(MorseCalculator):
    asked = 0

    def calculate(self, *args, **kwargs):
        self.asked += 1
        super().calculate(*args, **kwargs)


def test_the_base_computes_once_for_each_structure():
    counting = Counting()
    calculator, atoms = rescaled(counting), triangle()
    atoms.calc = calculator
    atoms.get_potential_energy(), atoms.get_forces(), atoms.get_potential_energy()
    assert counting.asked == 1
    atoms.rattle(0.01)
    atoms.get_forces()
    assert counting.asked == 2


# What is refused


@pytest.mark.parametrize("factor", [0, -1.3, np.nan, np.inf, "1.3", None])
def test_what_is_not_a_factor_is_refused(factor):
    with pytest.raises(InputError, match=r"^factor is .*; give a finite number above zero$"):
        RescaledCalculator(EMT(), factor, {"Cu": E0})


@pytest.mark.parametrize(
    ("energies", "message"),
    [
        ({}, r"reference_energy is \{\}; give eV per atom, as \{'MgO': -5.95\}"),
        (-5.9, r"reference_energy is -5\.9; give"),
        ({"Mgo": -5.9}, "'Mgo' in reference_energy is not a formula; give one like MgO"),
        ({"Xx2": -5.9}, "'Xx2' in reference_energy is not a formula"),
        ({"": -5.9}, "'' in reference_energy is not a formula"),
        ({12: -5.9}, "12 in reference_energy is not a formula"),
        ({"MgO": np.nan}, "reference_energy of MgO is nan; give eV per atom"),
        ({"MgO": "low"}, "reference_energy of MgO is 'low'"),
        ({"MgO": -5.9, "O2Mg2": -5.8}, "O2Mg2 in reference_energy is MgO again; give one energy"),
    ],
)
def test_what_is_not_a_reference_is_refused(energies, message):
    with pytest.raises(InputError, match=message) as caught:
        RescaledCalculator(EMT(), K, energies)
    assert "\n" not in str(caught.value)


def test_what_is_not_a_base_is_refused():
    with pytest.raises(InputError, match="base is a str; give an ASE calculator"):
        RescaledCalculator("toy", K, {"Cu": E0})
    with pytest.raises(InputError, match=r"rescaled by 1\.3 already; rescale its own base"):
        rescaled(rescaled(EMT()))


def test_numbers_that_are_none_are_refused_for_a_base_that_takes_them():
    nowhere = triangle()
    nowhere.positions[0, 0] = np.nan
    with np.errstate(invalid="ignore"):
        assert np.isfinite(MorsePotential().get_property("energy", nowhere))
    with pytest.raises(InputError, match="NaN"):
        rescaled(MorsePotential()).get_property("energy", nowhere)


# The interface tests


def of_two(a, b):
    """Return an energy for each composition that the interface tests ask two elements about."""
    return {a: -0.5, b: -0.8, f"{a}3{b}": -1.0, f"{a}{b}3": -1.1, f"{a}{b}": -1.2}


def broken(calculator, elements=None):
    results = check_calculator(calculator, elements=elements)
    return {r.check for r in results if r.status == "failed"}


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, K])
@pytest.mark.parametrize(
    ("make", "failing"),
    [
        (BASES["toy"], set()),
        (good, set()),
        (Batched, set()),
        (BASES["lj"], set()),
        # ASE's own takes NaN, and returns the old energy after set()
        (MorsePotential, set()),
        # its own declares magnetic moments too, and delivers none
        (EMT, {"declared_properties"}),
    ],
    ids=["toy", "morse", "batched", "lj", "ase's morse", "emt"],
)
def test_it_passes_the_interface_tests(make, failing, factor):
    assert broken(rescaled(make(), factor), ["Cu"]) == failing
    assert broken(rescaled(make(), factor, **of_two("Cu", "Al")), ["Cu", "Al"]) == failing


def test_it_passes_the_interface_tests_around_chgnet(chgnet):
    calculator = rescaled(chgnet, **of_two("Si", "O"))
    for elements in (["Si"], ["Si", "O"]):
        results = check_calculator(calculator, elements=elements)
        found = [(r.check, r.status) for r in results if r.status != "passed"]
        assert found == [("energies", "not applicable")]


class Partly(RescaledCalculator):
    """Scales everything but what is named."""

    def __init__(self, base, *spared):
        self.spared = spared
        super().__init__(base, K, {"Cu": E0})

    def _changed(self, name, value, zero):
        return value if name in self.spared else super()._changed(name, value, zero)


class OneZero(RescaledCalculator):
    """Takes E0 for that of the whole structure, whatever its size."""

    def reference_of(self, atoms):
        return super().reference_of(atoms[:1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calculator", "failing"),
    [
        (Partly(good(), "energy", "free_energy", "stress"), {"forces_are_gradient"}),
        (Partly(good(), "stress"), {"stress_is_gradient"}),
        (OneZero(good(), K, {"Cu": E0}), {"size_extensivity"}),
    ],
    ids=["forces only", "not the stress", "one zero"],
)
def test_a_factor_that_is_applied_in_part_breaks_it(calculator, failing):
    assert broken(calculator, ["Cu"]) == failing


# Batches


def test_a_batch_gives_the_same_numbers(chgnet):
    # a factor as a fit returns it, which would turn float32 into float64
    calculator = rescaled(chgnet, np.float64(K), NaCl=-3.4, Cu=-4.1)
    assert calculator.bytes_per_edge == chgnet.bytes_per_edge
    assert calculator.elements == chgnet.elements
    images = [salt(), copper(), Atoms("Cu"), salt()]
    names = ("energy", "forces", "stress", "energies", "magmoms")
    for found, own, atoms in zip(
        evaluate(calculator, images, properties=names),
        evaluate(chgnet, images, properties=names),
        images,
        strict=True,
    ):
        zero = calculator.reference_of(atoms)
        assert found.energy == pytest.approx(zero + K * (own.energy - zero), rel=1e-6)
        assert found.forces == pytest.approx(K * own.forces, rel=1e-5, abs=1e-6)
        assert found.forces.dtype == np.float32
        assert found.energies is None
        assert found.magmoms == pytest.approx(own.magmoms, rel=1e-5, abs=1e-6)
        if atoms.pbc.all():
            assert found.stress == pytest.approx(K * own.stress, rel=1e-5, abs=1e-8)
        alone = calculator.get_property("forces", atoms)
        assert found.forces == pytest.approx(alone, abs=1e-5)


def test_one_that_is_refused_does_not_take_a_batch_along():
    calculator = rescaled(Batched())
    first, second, third = evaluate(calculator, [triangle(), Atoms("Al"), triangle()])
    alone = calculator.get_property("energy", triangle())
    assert first.energy == pytest.approx(alone, rel=1e-12)
    assert third.energy == pytest.approx(alone, rel=1e-12)
    assert second.error.startswith("no reference energy of Al, only of Cu")


def test_a_batch_refuses_nan_for_a_base_that_takes_it():
    base, nowhere = Batched(), triangle()
    base.evaluate_batch = lambda images, properties: [Evaluation(energy=0.0) for _ in images]
    nowhere.positions[0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        rescaled(base).evaluate_batch([nowhere], ["energy"])


# What it cannot move


def relaxed(atoms, calculator, fmax):
    atoms = atoms.copy()
    atoms.calc = calculator
    assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=fmax, steps=200)
    return atoms


def test_a_volume_stays():
    start = bulk("Cu", a=3.7, cubic=True)
    own = relaxed(start, EMT(), 1e-6)
    calculator = rescaled(EMT(), Cu=own.get_potential_energy() / 4)
    found = relaxed(start, calculator, 1e-6)
    assert found.get_volume() == pytest.approx(own.get_volume(), rel=1e-7)
    assert found.get_potential_energy() == pytest.approx(own.get_potential_energy(), rel=1e-12)


def test_a_bond_stays():
    ends = []
    for calculator in (MorseCalculator(), rescaled(MorseCalculator())):
        atoms = Atoms("Cu2", [[0, 0, 0], [1.25, 0, 0]], calculator=calculator)
        assert BFGS(atoms, logfile=None).run(fmax=1e-8, steps=200)
        ends.append(atoms.get_distance(0, 1))
    assert ends == pytest.approx([1.1, 1.1], abs=1e-8)


def test_the_cohesive_energy_and_the_volume_of_an_oxide_stay(chgnet):
    start = bulk("MgO", "rocksalt", a=4.3)
    own = relaxed(start, chgnet, 3e-4)
    energies = {"MgO": own.get_potential_energy() / 2}
    energies |= {x: chgnet.get_property("energy", Atoms(x)) for x in ("Mg", "O")}
    calculator = rescaled(chgnet, **energies)
    found = relaxed(start, calculator, 3e-4)
    # where a relaxation stops, at a force below fmax, moves with the factor: 8e-4 of the volume
    # at 1e-2 eV/Å, 7e-5 at 1e-3, and here 1e-6
    assert found.get_volume() == pytest.approx(own.get_volume(), rel=2e-5)
    atoms = energies["Mg"] + energies["O"]
    cohesion = sum(calculator.get_property("energy", Atoms(x)) for x in ("Mg", "O"))
    cohesion -= found.get_potential_energy()
    assert atoms - own.get_potential_energy() == pytest.approx(10.2, abs=0.1)
    assert cohesion == pytest.approx(atoms - own.get_potential_energy(), abs=1e-5)


def test_a_curvature_is_scaled():
    def curvature(calculator, h=1e-3):
        at = [Atoms("Cu2", [[0, 0, 0], [1.1 + x, 0, 0]]) for x in (-h, 0, h)]
        low, here, high = (calculator.get_property("energy", atoms) for atoms in at)
        return (low - 2 * here + high) / h**2

    # E'' = 2 D_e a^2 at the minimum of a Morse curve
    assert curvature(rescaled(MorseCalculator())) == pytest.approx(K * 2 * 1.7**2, rel=1e-5)


# The file


@pytest.fixture
def path(tmp_path):
    """The file of a rescaled toy, with numbers that have no short form."""
    file = tmp_path / "toy.json"
    energies = {"N": -np.pi / 10, "CuN": 1 / 3}
    RescaledCalculator(get_calculator("toy:wide"), 4 / 3, energies).save(file, {"frames": 12})
    return file


def change(path, **content):
    path.write_text(json.dumps(json.loads(path.read_text()) | content))


def load(path, **options):
    return get_calculator(f"rescaled:{path}", **options)


def test_what_is_saved_is_loaded(path):
    calculator = load(path)
    assert dict(calculator.parameters) == {
        "factor": 4 / 3,
        "reference_energy": {"N": -np.pi / 10, "CuN": 1 / 3},
    }
    expected = RescaledCalculator(get_calculator("toy:wide"), 4 / 3, {"N": -np.pi / 10})
    atoms = Atoms("N2", [[0, 0, 0], [0.95, 0, 0]])
    for name in ("energy", "forces"):
        found = calculator.get_property(name, atoms)
        assert found == pytest.approx(expected.get_property(name, atoms), rel=1e-12, abs=1e-12)
    content = json.loads(path.read_text())
    assert list(content) == [
        "schema", "base", "options", "dtype", "checkpoint_sha256", "factor", "reference_energy",
        "fit",
    ]  # fmt: skip
    assert (content["base"], content["fit"]) == ("toy:wide", {"frames": 12})


def test_a_loaded_one_is_described(path):
    info = describe(load(path))
    assert (info.spec, info.backend, info.checkpoint) == (f"rescaled:{path}", "rescaled", str(path))
    assert info.bond_scale == 1.42
    assert info.energy_convention == "own"
    assert "Morse" in info.level_of_theory
    assert info.cutoff == get_calculator("toy:wide").cutoff
    assert len(info.checkpoint_sha256) == 64


def test_a_loaded_one_saves_the_same_file(path, tmp_path):
    again = tmp_path / "again.json"
    load(path).save(again, {"frames": 12})
    assert again.read_bytes() == path.read_bytes()


def test_options_of_the_base_come_back_as_what_they_were(tmp_path):
    path = tmp_path / "lj.json"
    options = {"sigma": 1 / 3, "epsilon": 2, "rc": 7.5, "smooth": True}
    rescaled(get_calculator("ase:lj", **options)).save(path)
    calculator = load(path)
    assert {n: calculator.base.parameters[n] for n in options} == options
    assert describe(calculator.base).options == {n: str(v) for n, v in options.items()}


@pytest.mark.parametrize(
    "base", [EMT(), get_calculator("faulty_interface:good"), get_calculator("ase:tip3p")]
)
def test_a_base_that_is_no_backend_is_not_saved(base, tmp_path):
    """A file would run whatever code it names: it may name what is safe only."""
    with pytest.raises(InputError, match=r"a file may not name '.*', only toy, chgnet"):
        rescaled(base).save(tmp_path / "mine.json")
    assert not list(tmp_path.iterdir())


SAFE = "toy, chgnet, mattersim, sevennet, mace, ase:emt, ase:lj, ase:morse"


@pytest.mark.parametrize(
    "base",
    ["faulty_interface:good", "ase:nwchem", "ase:dmol", "ase:cp2k", "ase:gulp", "ase:eam", "ase",
     "ase:__init__", "rescaled:a.json", "rescaled", "chgnett", "", "Toy", "os:system"],
)  # fmt: skip
def test_a_file_does_not_run_code(path, base, monkeypatch):
    monkeypatch.setattr("mlipcheck.calculators.around.get_calculator", pytest.fail)
    change(path, base=base)
    expected = "names no calculator" if base == "ase" else f"may not name '{base}', only {SAFE}: it"
    with pytest.raises(CalculatorSetupError, match=expected):
        load(path)


@pytest.mark.parametrize("name", ["nwchem", "dmol", "gulp", "turbomole"])
def test_a_file_starts_no_program(run_cli, path, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    started = tmp_path / "started"
    change(path, base=f"ase:{name}", options={"command": f"touch {started}"})
    status, out, err = run_cli("contract", "N", "-b", f"rescaled:{path}")
    assert (status, out) == (2, "")
    assert "toy.json: a file may not name" in err
    assert not started.exists()


def test_a_file_sets_only_what_its_row_allows(path):
    change(path, base="ase:lj", options={"directory": "'/'"})
    with pytest.raises(InputError, match="a file may not set 'directory' of ase:lj; it may set: a"):
        load(path)


def test_a_checkpoint_is_that_of_the_factor(chgnet, tmp_path):
    path = tmp_path / "chgnet.json"
    rescaled(chgnet).save(path)
    checksum = describe(chgnet).checkpoint_sha256
    content = json.loads(path.read_text())
    assert (content["base"], content["dtype"]) == ("chgnet", "float32")
    assert content["checkpoint_sha256"] == checksum
    info = describe(load(path, device="cpu"))
    assert (info.energy_convention, info.dtype) == ("mp2020", "float32")
    change(path, checkpoint_sha256="0" * 64)
    expected = f"{path}: the checkpoint of chgnet is sha256 {checksum[:12]}, the factor is that of"
    with pytest.raises(CalculatorSetupError, match=re.escape(expected)):
        load(path, device="cpu")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"schema": "mlipcheck/1"}, "schema is 'mlipcheck/1', expected 'mlipcheck-rescaled/1'"),
        ({"factor": float("nan")}, "factor is nan; give a finite number above zero"),
        ({"factor": float("inf")}, "factor is inf; give"),
        ({"factor": "1.3"}, "factor is '1.3', expected float; write it anew"),
        ({"factor": None}, "factor is nan; give"),
        ({"reference_energy": {}}, "reference_energy is {}"),
        ({"reference_energy": [1]}, r"reference_energy is \[1\]"),
        ({"reference_energy": {"N": None}}, "reference_energy of N is None"),
        ({"base": "toy:hard"}, "toy has no checkpoint 'hard'"),
        ({"base": 7}, "base is 7"),
        ({"options": {"width": "2"}}, "may not set 'width' of toy:wide; it may set: none"),
        ({"dtype": "float32"}, "dtype is 'float32'; toy computes in float64"),
        ({"checkpoint_sha256": "0" * 64}, "checkpoint of toy:wide is no file, the factor is that"),
    ],
)
def test_a_file_that_is_wrong_is_one_line_with_its_name(path, content, message):
    change(path, **content)
    with pytest.raises(CalculatorSetupError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "not JSON", '{"schema": ', "\x00"])
def test_a_file_that_is_no_json_is_refused(tmp_path, text):
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(CalculatorSetupError, match=r"broken\.json is not JSON"):
        load(file)


@pytest.mark.parametrize("text", ["[1]", "1.3", "{}"])
def test_json_of_something_else_is_refused(tmp_path, text):
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(CalculatorSetupError, match=r"other\.json: schema is None, expected"):
        load(file)


def test_weights_are_no_rescaled_file(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"\x80\x81PK\xff")
    with pytest.raises(CalculatorSetupError, match="is not JSON"):
        load(file)


@pytest.mark.parametrize(
    "key", ["base", "options", "dtype", "checkpoint_sha256", "factor", "reference_energy"]
)
def test_a_file_without_a_key_is_refused(path, key):
    content = json.loads(path.read_text())
    del content[key]
    path.write_text(json.dumps(content))
    with pytest.raises(CalculatorSetupError, match=f"has no '{key}'; write it anew"):
        load(path)


def test_the_numbers_of_the_base_may_be_asked_for(path):
    assert load(path, dtype="float64", device="cpu").dtype == "float64"
    with pytest.raises(InputError, match=r"toy\.json: dtype is 'float32'; toy computes in"):
        load(path, dtype="float32")
    with pytest.raises(InputError, match="rescaled takes no options, got factor"):
        load(path, factor=2.0)


# The row and the commands


@pytest.mark.parametrize(
    ("spec", "message"),
    [("rescaled", "no file is named"), ("rescaled:", "no file is named"),
     ("rescaled:k.json", "no file 'k.json'"), ("rescaled:.", "no file '.'")],
)  # fmt: skip
def test_a_name_without_a_file_says_what_writes_one(spec, message):
    expected = (
        f"rescaled: {message}; give rescaled:FILE, the file that 'mlipcheck parity --rescale "
        "--save FILE' writes"
    )
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        get_calculator(spec)


def test_it_is_listed(run_cli):
    row = get_backend("rescaled")
    assert (row.installed, row.checkpoints, row.dtypes) == (True, (), ())
    status, out, _ = run_cli("backends")
    assert status == 0
    assert "rescaled:FILE" in out.replace("\n", "")


@pytest.mark.slow
def test_it_runs_by_name(run_cli, path):
    status, out, err = run_cli("contract", "N", "-b", f"rescaled:{path}", "--strict")
    assert status == 0
    assert "19 passed, 2 not applicable." in out
    status, out, err = run_cli("contract", "Cu", "-b", f"rescaled:{path}")
    assert (status, out) == (2, "")
    assert "no reference energy of Cu, only of N, CuN" in err
    status, out, _ = run_cli("dimer", "N", "-b", f"rescaled:{path}", "--json", "-")
    assert status == 0
    assert json.loads(out)["calculator"]["bond_scale"] == 1.42
