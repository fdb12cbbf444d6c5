"""Crystals of a user's own: from the model's relaxed cell, ions at rest, molecules left out."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.lattice.hexagonal import Graphite

from mlipcheck.analysis.strain import strained
from mlipcheck.calculators.base import CalculatorInfo
from mlipcheck.check import Context
from mlipcheck.checks.crystals import bring_to_rest, spans_space
from mlipcheck.checks.elasticity.check import Elasticity, _task
from mlipcheck.comparison import compare_runs
from mlipcheck.record import Model, RunRecord
from mlipcheck.references.structures import from_atoms
from mlipcheck.verdict import judge

# Layers of fcc(001), two of each element: their distances are free, and Al is softer than Pt.
LAYERS = Atoms(
    "Al2Pt2",
    scaled_positions=[[k % 2 / 2, k % 2 / 2, k / 4] for k in range(4)],
    cell=[2.7, 2.7, 7.6],
    pbc=True,
)


def molecules():
    """N2 on the sites of fcc: as CO2, of molecules that nothing else bonds."""
    sites = bulk("Ar", a=5.6, cubic=True)
    positions = [p + s * np.array([0.32, 0.32, 0.32]) for p in sites.positions for s in (-1, 1)]
    return Atoms("N8", positions, cell=sites.cell, pbc=True)


def graphite():
    return Graphite("C", latticeconstant={"a": 2.46, "c": 6.7})


def row_of(atoms, limit=None, calculator=None):
    task = _task(from_atoms(atoms, "mine", "mine"), None, limit)
    (row,) = Elasticity().run(calculator or EMT(), task, Context())
    return row


def findings(row):
    return {f.quantity: f for f in judge({"elasticity": [row]})}


def voigt(row):
    return row.tensor.fits[0][:3, :3].mean()


@pytest.mark.slow
@pytest.mark.parametrize("properties", [["energy"], ["energy", "forces"]])
def test_ions_are_clamped_only_where_they_would_move(properties):
    """Of a calculator whose cell cannot be relaxed."""
    calculator = EMT()
    calculator.implemented_properties = properties
    row = row_of(bulk("Cu", a=3.7, cubic=True), calculator=calculator)
    assert row.fit.v0 == pytest.approx(11.565, abs=0.01)
    assert (row.relaxed, row.clamped) == (False, False)
    run = RunRecord("run", CalculatorInfo("x"), {}, {}, {"elasticity": (row,)})
    (panel,) = Elasticity().figures([Model(run, "x", "C0", "o")])
    assert "relaxed cell" not in panel.caption


@pytest.mark.parametrize(
    ("atoms", "spans"),
    [
        (bulk("Cu"), True),
        (bulk("Cs"), True),
        (bulk("Si"), True),
        (bulk("Ar"), True),  # by its nearest neighbours; no molecule is pressed
        (bulk("NaCl", "rocksalt", a=5.64), True),
        (bulk("CsCl", "cesiumchloride", a=4.12), True),
        (LAYERS, True),
        (molecules(), False),
        (graphite(), False),
    ],
    ids=str,
)
def test_molecules_and_layers_do_not_span_space(atoms, spans):
    assert spans_space(atoms) == spans


@pytest.mark.parametrize("make", [molecules, graphite])
def test_molecules_and_layers_are_not_pressed(make):
    row = row_of(make(), limit=0)
    assert row.fit is None
    assert not row.volumes.size
    assert row.error is None
    found = findings(row)
    assert {q: f.status for q, f in found.items()} == {"one minimum": "not assessed"}
    assert "molecules, chains or layers" in found["one minimum"].value


@pytest.mark.slow
def test_molecules_still_have_elastic_constants():
    row = row_of(molecules(), calculator=EMT())
    assert row.error is None
    assert "mechanical stability" in findings(row)


@pytest.mark.slow
def test_the_curve_is_that_of_relaxed_ions():
    """B0 at rest is the K of the elastic constants, which have ions at rest; clamped it is not."""
    row, clamped = row_of(LAYERS), row_of(LAYERS, limit=0)
    assert row.fit.b0 == pytest.approx(voigt(row), rel=0.01)
    assert clamped.fit.b0 > 1.3 * row.fit.b0
    assert (row.clamped, clamped.clamped) == (False, True)
    texts = [findings(r)["one minimum"].value for r in (row, clamped)]
    assert ["clamped ions" in text for text in texts] == [False, True]
    assert findings(row)["roughness of the stiffness"].status == "ok"
    assert "roughness of the stiffness" not in findings(clamped)


@pytest.mark.slow
def test_the_curve_starts_at_the_models_own_cell():
    given = strained(bulk("Cu", "hcp", a=2.55, c=4.2), np.diag([0.03, 0.03, -0.05]))
    rest = bring_to_rest(EMT(), given, 0.005, cell=True)
    row = row_of(given)
    assert row.fit.v0 == pytest.approx(rest.get_volume() / len(rest), rel=2e-3)
    assert row.start_volume == pytest.approx(given.get_volume() / len(given))
    assert row.fit.b0 == pytest.approx(voigt(row), rel=0.01)
    assert not row.clamped  # its positions are fixed by symmetry


def test_what_a_crystal_takes_is_in_the_plan():
    costs = {n: _task(from_atoms(LAYERS, "x", "mine"), None, n).evaluations for n in (0, 16)}
    assert costs[16] > costs[0] > 39 * 2
    molecular = _task(from_atoms(molecules(), "x", "mine"), None, 0)
    assert molecular.evaluations < 39 * 2


@pytest.mark.slow
def test_the_figure_says_whose_volume_is_marked():
    run = RunRecord("run", CalculatorInfo("x"), {}, {}, {"elasticity": (row_of(bulk("Cu")),)})
    (panel,) = Elasticity().figures(compare_runs([run]).models)
    words = {text.get_text() for legend in panel.figure.legends for text in legend.texts}
    assert "the input's volume" in words
