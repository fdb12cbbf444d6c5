"""Surfaces: a reference as a calculator, planted faults, and cuts that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from structures import phosphate

from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.calculators.neighbours import half_neighbour_list
from mlipcheck.check import Context, Skip, Task
from mlipcheck.checks.surfaces.check import Surfaces, cleave
from mlipcheck.checks.surfaces.planes import find_planes
from mlipcheck.checks.surfaces.record import GAPS, J_PER_M2, Surface
from mlipcheck.record import Model, RunRecord, Subject
from mlipcheck.references.crystals import dcdft_crystals
from mlipcheck.references.metals import Slab, Slabs, area, slabs_of
from mlipcheck.references.structures import RelaxedReference, from_atoms
from mlipcheck.storage import from_plain, to_plain
from mlipcheck.system import Settings, System
from mlipcheck.uses import CONSISTENCY, ELEMENTS, OWN, answer_uses
from mlipcheck.verdict import judge


class ByAtoms(Calculator):
    """Any energy as a function of the structure, which is at rest, its cell too."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, energy):
        super().__init__()
        self.function = energy

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy = float(self.function(atoms))
        at_rest = {"forces": np.zeros((len(atoms), 3)), "stress": np.zeros(6)}
        self.results = {"energy": energy, **at_rest}


def system_of(*references, elements=()):
    return System(CalculatorInfo("x"), elements=elements, references=references)


def tasks_of(*references, elements=(), **settings):
    found = Surfaces().tasks(system_of(*references, elements=elements), Settings(**settings))
    tasks = [t for t in found if isinstance(t, Task)]
    return tasks, "; ".join(t.reason for t in found if isinstance(t, Skip))


def rows_of(calculator, tasks):
    return [row for t in tasks for row in Surfaces().run(calculator, t, Context())]


def statuses(rows):
    return {f.quantity: f.status for f in judge({"surfaces": rows}) if f.check == "surfaces"}


# slabs of a reference


def planted(factor=lambda name: 1.0):
    """The task of three slabs of W, and a calculator with the reference's energies, or not."""
    cell = bulk("W", cubic=True)
    per_atom = -12.96
    slabs, energies = [], {2: 2 * per_atom}
    for n, gamma in ((6, 0.20), (8, 0.22), (12, 0.25)):
        atoms = bulk("W", cubic=True) * (1, 1, n // 2)
        atoms.cell[2] *= 2
        name = f"W({n}00)"
        slabs.append(Slab(name, atoms, gamma))
        energies[n] = n * per_atom + 2 * area(atoms) * gamma * factor(name)
    known = Slabs("W", cell, tuple(slabs))
    row = Surface("W slabs", "W", "metal-slabs", level_of_theory="PBE, VASP")
    return Task("W slabs", (known, row)), ByAtoms(lambda atoms: energies[len(atoms)])


def test_the_reference_itself_is_perfect():
    task, calculator = planted()
    (row,) = rows_of(calculator, [task])
    assert row.ratio.value == pytest.approx(1)
    assert statuses([row]) == {"γ ratio": "ok"}
    (finding,) = judge({"surfaces": [row]})
    assert finding.tested_on == ELEMENTS
    answers = {a.use: a.answer for a in answer_uses([finding])}
    assert answers["defects"] == "yes"
    assert answers["energies"] == "not tested"


@pytest.mark.parametrize(("factor", "status"), [(0.8, "caution"), (0.7, "fail"), (1.3, "fail")])
def test_a_factor_on_all_surfaces_is_found_as_it_is(factor, status):
    task, calculator = planted(lambda name: factor)
    (row,) = rows_of(calculator, [task])
    assert row.ratio.value == pytest.approx(factor, rel=1e-9)
    assert row.ratio.high - row.ratio.low == pytest.approx(0, abs=1e-9)
    assert statuses([row]) == {"γ ratio": status}


def test_one_facet_alone_fails_nothing():
    task, calculator = planted(lambda name: 0.2 if name == "W(1200)" else 1.0)
    (row,) = rows_of(calculator, [task])
    (finding,) = judge({"surfaces": [row]})
    assert row.ratio.value < 0.75
    assert finding.status == "caution"
    assert "W(1200) 0.20" in finding.value


def test_slabs_hint_at_compounds_only():
    task, calculator = planted(lambda name: 0.5)
    rows = rows_of(calculator, [task])
    (finding,) = judge({"surfaces": rows}, subject=Subject(formulas=("WO3",), compound=True))
    assert finding.status == "fail"
    assert finding.decides == ()
    assert set(finding.hints) == {"defects", "energies"}


def test_slabs_of_another_functional_are_in_doubt():
    task, calculator = planted(lambda name: 0.5)
    calculator.mlipcheck_info = CalculatorInfo("x", level_of_theory="r2SCAN")
    (finding,) = judge({"surfaces": rows_of(calculator, [task])})
    assert finding.status == "caution"
    assert "r2SCAN" in finding.doubts[0].text


def test_what_fails_is_a_row():
    def energy(atoms):
        if len(atoms) == 8:
            raise RuntimeError("out of order")
        return 0.0

    task, _ = planted()
    tasks, _ = tasks_of(from_atoms(bulk("Cu"), "copper"))
    rows = rows_of(ByAtoms(energy), [task, *tasks[:1]])
    assert "out of order" in rows[0].error
    assert statuses(rows[:1]) == {"γ ratio": "fail"}
    assert rows[1].error is None
    assert statuses(rows[1:]) == {"binding across a plane": "fail"}  # no bond at all


@pytest.mark.slow
def test_slabs_are_read_and_named(data_dir):
    found = {s.element: s for s in slabs_of(["Cu", "Mo", "Nb", "W"])}
    assert list(found) == ["Mo", "Nb", "W"]
    assert [len(s.slabs) for s in found.values()] == [11, 13, 13]
    energies = {s.name: s.surface_energy / J_PER_M2 for x in found.values() for s in x.slabs}
    expected = {"W(110)": 3.215, "Mo(110)": 2.807, "Nb(110)": 2.075, "W(221)": 3.574}
    assert {name: energies[name] for name in expected} == pytest.approx(expected, abs=1e-3)
    assert len(energies) == 37  # each facet once; Mo's file does not name them
    (low, *_), why = tasks_of(elements=("Nb-W",), quick=True)
    assert low.name == "Nb slabs"
    assert "Nb(311)" in why


def test_without_slabs_it_says_so(monkeypatch):
    assert tasks_of(elements=("Ga",))[1] == "no crystals of your own given"
    assert "--reference none" in tasks_of(elements=("W",), reference=("none",))[1]
    monkeypatch.setattr("mlipcheck.checks.surfaces.check.slabs_of", lambda elements: None)
    assert "mlipcheck data metal-slabs" in tasks_of(elements=("W",))[1]
    assert tasks_of() == ([], "no crystals of your own given")


# crystals that are cut


def planes_of(atoms, most=9):
    planes, refused = find_planes(atoms, most, 200)
    return {p.name: p for p in planes}, refused


@pytest.mark.parametrize(
    ("atoms", "cut", "refused"),
    [
        (bulk("Cu"), ["(111)", "(100)", "(110)"], {}),
        (bulk("Cu", cubic=True) * 2, ["(111)", "(100)", "(110)"], {}),
        (bulk("W"), ["(110)", "(100)", "(111)"], {}),
        (bulk("Po", "sc", a=3.35), ["(100)", "(110)", "(111)"], {}),
        (bulk("NaCl", "rocksalt", a=5.64), ["(100)", "(110)"], {"(111)": "polar"}),
        (bulk("GaAs", "zincblende", a=5.65), ["(110)"], {"(111)": "polar", "(100)": "polar"}),
        (bulk("CaF2", "fluorite", a=5.46), ["(111)", "(110)"], {"(100)": "polar"}),
        (
            bulk("ZnO", "wurtzite", a=3.25, c=5.2),
            ["(100)", "(110)"],
            {"(001)": "polar", "(101)": "polar", "(111)": "polar"},
        ),
        (bulk("NiAl", "cesiumchloride", a=2.89), ["(100)", "(110)", "(111)"], {}),
    ],
    ids=lambda x: str(x.symbols) if isinstance(x, Atoms) else "",
)
def test_planes_that_can_be_cut(atoms, cut, refused):
    planes, left = planes_of(atoms)
    assert list(planes) == cut
    assert {name: why.split(",")[0] for name, why in left.items()} == refused
    for plane in planes.values():
        closed, opened = (plane.opened(plane.cuts[0], gap) for gap in (0.0, 6.0))
        density = atoms.get_volume() / len(atoms)
        assert closed.get_volume() / len(closed) == pytest.approx(density)
        assert opened.get_volume() - closed.get_volume() == pytest.approx(6 * plane.area)
        assert closed.get_volume() / plane.area >= 12


def test_planes_are_named_as_usual_where_symmetry_is_not_exact():
    strain = np.diag([2e-4, -1e-4, -1e-4])
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    assert list(planes_of(atoms)[0]) == ["(111)", "(100)", "(110)"]


def test_layers_are_cut_between_them_alone():
    sheets = graphene("C2", a=2.46, vacuum=0)
    graphite = Atoms(
        "C4",
        np.vstack([sheets.positions, sheets.positions + np.array([0, 1.42, 3.35])]),
        cell=[*sheets.cell[:2], [0, 0, 6.7]],
        pbc=True,
    )
    planes, refused = planes_of(graphite)
    assert list(planes) == ["(001)"]
    assert planes["(001)"].bonds == 0
    assert all("layers" in why for why in refused.values())


def test_covalent_units_stay_whole():
    planes, refused = planes_of(phosphate())
    assert list(planes) == ["(100)"]
    assert "covalent units" in refused["(110)"]
    halves = planes["(100)"].opened(planes["(100)"].cuts[0], 6.0)
    phosphorus = np.flatnonzero(halves.symbols == "P")
    i, j = half_neighbour_list(halves, 1.7, "ij")
    assert (np.bincount([*i, *j], minlength=len(halves))[phosphorus] == 4).all()


def test_silicon_is_cut_through_one_bond():
    planes, _ = planes_of(bulk("Si"))
    shuffle, glide = planes["(111)"].cuts
    bonds = []
    for cut in (shuffle, glide):
        opened = planes["(111)"].opened(cut, 6.0)
        bonds.append(4 * len(opened) - 2 * len(half_neighbour_list(opened, 2.5, "d")[0]))
    assert bonds == [2, 6]  # ends that are free
    assert planes["(111)"].bonds == 1


@pytest.mark.parametrize(
    "atoms",
    [
        fcc111("Al", (1, 1, 3), vacuum=8.0, periodic=True),
        molecule("H2O"),
        molecule("H2O", vacuum=6.0, pbc=True),
        graphene("C2", vacuum=8.0),
    ],
    ids=["slab", "molecule", "molecule in a box", "layer"],
)
def test_what_is_no_crystal_is_skipped_with_the_reason(atoms):
    tasks, why = tasks_of(from_atoms(atoms, "thing", "mine"))
    assert tasks == []
    assert why == "no crystals in three dimensions: thing"


def test_polar_planes_are_told():
    oxide = from_atoms(bulk("ZnO", "wurtzite", a=3.25, c=5.2), "ZnO", "mine")
    tasks, why = tasks_of(oxide)
    assert [t.name for t in tasks] == ["ZnO (100)", "ZnO (110)"]
    assert why == "not cut: ZnO (001), (101), (111): polar, its two sides differ"


def test_a_broken_structure_stops_nothing():
    broken = bulk("Al")
    broken.positions[0] = np.nan
    broken = RelaxedReference("broken", "mine", broken)
    tasks, why = tasks_of(broken, from_atoms(bulk("Cu"), "copper", "mine"))
    assert len(tasks) == 3
    assert "NaN" in why


@pytest.mark.slow
def test_crystals_of_elements_are_cut_where_elements_were_named():
    known = dcdft_crystals(["Cu", "Al", "O", "Si"])
    tasks, _ = tasks_of(*known, elements=("Al", "Cu-O"), quick=True)
    assert {t.name for t in tasks} == {"Cu (111)", "Al (111)"}
    assert tasks_of(*known)[0] == []


def curve_of(energy):
    """The row of Cu(111) whose energy depends on the gap alone."""
    (plane,), _ = find_planes(bulk("Cu"), 1, 100)
    thick = plane.opened(plane.cuts[0], 0.0).get_volume() / plane.area

    def of_gap(atoms):
        return 2 * plane.area * energy(atoms.get_volume() / plane.area - thick)

    row = Surface("Cu (111)", "Cu", "mine")
    return cleave(ByAtoms(of_gap), plane, row)


def rose(gap):
    """The universal binding curve of Rose, Smith and Ferrante; 0.1 eV/Å^2 apart."""
    return 0.1 * (1 - (1 + gap / 0.3) * np.exp(-gap / 0.3))


def test_a_smooth_opening_is_ok_and_exact():
    row = curve_of(rose)
    assert row.energies == pytest.approx(rose(GAPS), abs=1e-9)
    assert row.work == pytest.approx(0.1, abs=1e-4)
    assert row.traction == pytest.approx(2 * np.diff(rose(GAPS)) / 0.25, abs=1e-8)
    assert statuses([row]) == {"cleavage": "ok"}
    (finding,) = judge({"surfaces": [row]})
    assert finding.tested_on == CONSISTENCY
    assert answer_uses([finding])[3].answer == "no fault found"
    assert Surfaces().evidence(row).tested_on == OWN


@pytest.mark.parametrize(("depth", "status"), [(0.01, "caution"), (0.05, "fail")])
def test_a_well_at_three_angstrom_is_found(depth, status):
    row = curve_of(lambda gap: rose(gap) - depth * np.exp(-(((gap - 3) / 0.4) ** 2)))
    assert row.fall == (pytest.approx(depth, rel=0.1), pytest.approx(3))
    assert row.traction.min() < 0
    assert statuses([row]) == {"cleavage": status}
    (finding,) = judge({"surfaces": [row]})
    assert "to 3.00 Å" in finding.value


def test_an_energy_above_the_halves_apart_is_found():
    row = curve_of(lambda gap: rose(gap) + 0.03 * np.exp(-(((gap - 3) / 0.6) ** 2)))
    assert row.fall[0] == pytest.approx(0.03, abs=1e-3)
    assert statuses([row]) == {"cleavage": "fail"}


@pytest.mark.parametrize(
    ("energy", "words"),
    [(lambda gap: -rose(gap), "as low as the crystal"), (lambda gap: 0.0, "no force")],
)
def test_a_crystal_that_does_not_hold_is_found(energy, words):
    row = curve_of(energy)
    assert statuses([row]) == {"binding across a plane": "fail"}  # and no share of what is not
    (finding,) = judge({"surfaces": [row]})
    assert words in finding.value
    assert "%" not in finding.limits
    # what dispersion holds, and a geometry that is not the model's own, are no fault of the model
    for blameless in (replace(row, bonds=0), replace(row, relaxed=False)):
        assert statuses([blameless]) == {"binding across a plane": "caution"}


@pytest.mark.parametrize(("kept", "relaxed"), [("stress", True), ("energy", False)])
def test_the_crystal_that_is_cut_is_the_models_own(kept, relaxed):
    """EMT's copper at another volume is brought to rest; without forces it stays as it is."""
    rows = []
    calculator = EMT()
    calculator.implemented_properties = ["energy", "forces", "stress"] if relaxed else ["energy"]
    for a in (3.59, 3.75):
        (plane,), _ = find_planes(bulk("Cu", a=a), 1, 100)
        rows.append(cleave(calculator, plane, Surface("Cu (111)", "Cu", "mine")))
    assert [r.relaxed for r in rows] == [relaxed] * 2
    same = rows[1].work == pytest.approx(rows[0].work, rel=2e-3)
    assert same == relaxed
    (finding,) = judge({"surfaces": rows[1:]})
    assert ("in the geometry given" in finding.value) != relaxed


@pytest.mark.slow
def test_a_cell_that_cannot_relax_is_not_the_models_own():
    """Without stresses the ions alone are at rest."""
    calculator = EMT()
    calculator.implemented_properties = ["energy", "forces"]
    (plane,), _ = find_planes(bulk("Cu", a=3.75), 1, 100)
    row = cleave(calculator, plane, Surface("Cu (111)", "Cu", "mine"))
    assert not row.relaxed


def test_pressed_crystals_are_not_blamed_for_their_pressure():
    row = curve_of(lambda gap: rose(gap) - 0.04 * (1 - np.exp(-gap / 0.05)))
    assert row.energies[1] < 0
    assert statuses([row]) == {"cleavage": "ok"}


@pytest.mark.slow
def test_emt_copper_by_hand():
    atoms = bulk("Cu", a=3.59)
    tasks, _ = tasks_of(from_atoms(atoms, "copper", "mine"))
    assert [t.name for t in tasks] == ["copper (111)", "copper (100)", "copper (110)"]
    rows = rows_of(EMT(), tasks[:1])
    slab = fcc111("Cu", (1, 1, 9), a=3.59, vacuum=8.0)
    energies = []
    for image in (slab, atoms):
        image.calc = EMT()
        energies.append(image.get_potential_energy())
    by_hand = (energies[0] - 9 * energies[1]) / (2 * area(slab))
    assert rows[0].work == pytest.approx(by_hand, rel=1e-3)
    assert statuses(rows) == {"cleavage": "ok"}
    again = from_plain(Surface, to_plain(rows[0]))
    assert again.energies == pytest.approx(rows[0].energies)


@pytest.mark.slow
def test_tables_and_figures_of_both_kinds():
    task, calculator = planted(lambda name: 0.8)
    rows = [*rows_of(calculator, [task]), curve_of(rose)]
    run = RunRecord("", CalculatorInfo("x"), {}, {}, {"surfaces": tuple(rows)})
    models = [Model(run, "x", "C0", "o")]
    first, remark, facets = Surfaces().tables(models)
    assert "relaxed before" in remark.text
    assert [row[0] for row in first.rows] == ["W slabs", "Cu (111)"]
    assert len(facets.rows) == 3
    panels = Surfaces().figures(models)
    assert [p.subjects for p in panels] == [("Cu (111)",)]
    assert "1.60 J/m²" in panels[0].alt


# real models


def slopes(calculator, elements):
    tasks, _ = tasks_of(elements=elements, quick=True)
    return {r.formula: r for r in rows_of(calculator, tasks)}


def facet(row, name):
    return next(f.model for f in row.facets if f.name == name) / J_PER_M2


@pytest.mark.slow
def test_chgnet_is_soft_at_surfaces(chgnet, data_dir):
    rows = slopes(chgnet, ("Mo", "Nb", "W"))
    found = {x: r.ratio.value for x, r in rows.items()}
    assert found == pytest.approx({"Mo": 0.757, "Nb": 0.843, "W": 0.777}, abs=2e-3)
    assert facet(rows["W"], "W(110)") == pytest.approx(2.312, abs=2e-3)
    assert facet(rows["Mo"], "Mo(110)") == pytest.approx(1.932, abs=2e-3)
    assert facet(rows["Nb"], "Nb(110)") == pytest.approx(1.566, abs=2e-3)
    assert statuses(rows.values()) == {"γ ratio": "caution"}


@pytest.mark.slow
def test_sevennet_is_stiff_at_surfaces(sevennet, data_dir):
    rows = slopes(sevennet, ("Nb", "W"))
    found = {x: r.ratio.value for x, r in rows.items()}
    assert found == pytest.approx({"Nb": 1.152, "W": 1.227}, abs=2e-3)
    assert facet(rows["W"], "W(110)") == pytest.approx(3.345, abs=2e-3)
    assert facet(rows["Nb"], "Nb(110)") == pytest.approx(2.435, abs=2e-3)


# J/m², of the models' own crystals (at the reference's up to 0.04 lower); of Si(111) the cut
# through three bonds, since one is far cheaper: 0.38 and 0.84
CLEAVAGE = {
    "chgnet": {"Cu": 0.84, "Nb": 1.62, "W": 2.37, "NaCl": 0.12, "Si": 2.01},
    "sevennet": {"Cu": 1.30, "Nb": 2.48, "W": 3.43, "NaCl": 0.15, "Si": 2.54},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLEAVAGE)
def test_real_models_cut_crystals(name, request):
    calculator = request.getfixturevalue(name)
    known = dcdft_crystals(["Cu", "Nb", "W", "Si"])
    salt = from_atoms(bulk("NaCl", "rocksalt", a=5.69), "NaCl", "mine")
    found = {}
    for reference in (*known, salt):
        (plane, *_), _ = find_planes(reference.relaxed, 1, 100)
        plane = replace(plane, cuts=plane.cuts[-1:])
        row = cleave(calculator, plane, Surface(plane.name, source="mine"))
        found[reference.name] = row.work / J_PER_M2
        assert statuses([row]) == {"cleavage": "ok"}
    assert found == pytest.approx(CLEAVAGE[name], abs=0.03)
