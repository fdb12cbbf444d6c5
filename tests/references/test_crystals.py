"""Collections of crystals: ASE's dcdft, all-electron unaries, and relaxed WBM crystals."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import spglib
from ase.calculators.calculator import InputError
from ase.collections import dcdft
from ase.data import chemical_symbols
from ase.formula import Formula
from ase.neighborlist import neighbor_list

from mlipcheck.references import datasets
from mlipcheck.references.crystals import acwf_unaries, dcdft_crystals, wbm_crystals
from mlipcheck.references.inputs import COLLECTIONS, load_references
from mlipcheck.results_file import load_runs

# --- dcdft -------------------------------------------------------------------------------------


def test_dcdft_crystals_are_at_their_wien2k_volumes():
    references = dcdft_crystals()
    assert len(references) == 71
    for r in references:
        per_atom = r.relaxed.get_volume() / len(r.relaxed)
        assert per_atom == pytest.approx(dcdft.data[r.name]["wien2k_volume"], rel=1e-9)
        assert r.volume_only
        assert r.cell_free
        assert r.energy is None
        assert set(r.relaxed.get_chemical_symbols()) == {r.name}


def test_dcdft_scales_the_positions_with_the_cell():
    (oxygen,) = dcdft_crystals(["O"])  # 3.3 % off as bundled
    bundled = dcdft["O"]
    assert abs(oxygen.relaxed.get_volume() / bundled.get_volume() - 1) > 0.01
    np.testing.assert_allclose(
        oxygen.relaxed.get_scaled_positions(), bundled.get_scaled_positions(), atol=1e-12
    )
    np.testing.assert_allclose(oxygen.relaxed.cell.angles(), bundled.cell.angles(), atol=1e-9)


@pytest.mark.parametrize(
    ("elements", "names"),
    [(["Cu", "Si"], {"Cu", "Si"}), (["Cu", "U", "Cu"], {"Cu"}), (["U"], set()), ([], set())],
)
def test_dcdft_takes_only_the_elements_asked_for(elements, names):
    assert {r.name for r in dcdft_crystals(elements)} == names


# --- small files of the same form ----------------------------------------------------------------

FIT = {"E0": 0, "min_volume": 11.8, "bulk_modulus_ev_ang3": 0.9, "bulk_deriv": 5.0}
UNARIES = {
    "Cu-X/FCC": FIT,
    "Cu-X/Diamond": FIT | {"min_volume": 40.0},
    "Cu-X/BCC": None,
    "Al-X/BCC": FIT,
    "Al-X/SC": FIT,
    "O-X/SC": FIT,
    "Ni-X/FCC": FIT,
    "Ce-X/FCC": FIT,
    "Lu-X/FCC": FIT,
    "Th-X/FCC": FIT,
    "La-X/FCC": FIT | {"min_volume": 37.0},
}
UNARIES_LEFT = ["Cu-fcc", "Cu-diamond", "Al-bcc", "Al-sc", "La-fcc"]


def wbm_row(name, symbols, energy):
    """A cubic cell, its atoms on the diagonal, in pymatgen's form."""
    n = len(symbols)
    sites = [
        {"species": [{"element": s, "occu": 1}], "abc": [k / n] * 3, "xyz": [4.0 * k / n] * 3}
        for k, s in enumerate(symbols)
    ]
    lattice = {"matrix": (4.0 * np.eye(3)).tolist(), "volume": 64.0}
    return {
        "material_id": name,
        "structure": {"lattice": lattice, "sites": sites},
        "energy": energy,
        "corrected_energy": energy - 1.0,
    }


WBM = [
    wbm_row("wbm-1", ["Cu", "Al"], -7.0),
    wbm_row("wbm-2", ["Cu", "Cu"], -8.0),
    wbm_row("wbm-3", ["Cu", "Al", "O"], -9.0),
]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Both collections, with these few rows."""
    unaries, wbm = tmp_path / "unaries.json", tmp_path / "wbm.json.gz"
    sizes = {key: 2 if "Diamond" in key else 1 for key in UNARIES}
    table = {"BM_fit_data": UNARIES, "num_atoms_in_sim_cell": sizes}
    unaries.write_text(json.dumps(table))
    wbm.write_bytes(gzip.compress(json.dumps(WBM).encode(), mtime=0))
    paths = {"acwf-unaries": (unaries,), "wbm-equilibrium": (wbm,)}
    monkeypatch.setattr(datasets, "fetch", paths.__getitem__)


def test_unaries_leave_out_magnets_f_electrons_and_what_was_not_fitted(small):
    references = acwf_unaries()
    assert [r.name for r in references] == UNARIES_LEFT
    volumes = [r.relaxed.get_volume() for r in references]
    np.testing.assert_allclose(volumes, [11.8, 40.0, 11.8, 11.8, 37.0])  # two atoms in diamond
    assert [len(r.relaxed) for r in references] == [1, 2, 1, 1, 1]
    for r in references:
        assert (r.volume_only, r.cell_free, r.energy) == (True, True, None)
        assert (r.source, r.level_of_theory) == ("acwf-unaries", "PBE, all-electron average")


def test_wbm_crystals_have_raw_energies(small):
    first, _, _ = wbm_crystals()
    assert first.energy == -7.0
    assert (first.volume_only, first.cell_free, first.source) == (False, True, "wbm-equilibrium")
    assert first.level_of_theory == "PBE / PBE+U (PBE_52), VASP"
    assert first.relaxed.pbc.all()
    assert first.relaxed.calc is None
    np.testing.assert_allclose(first.relaxed.positions, [[0, 0, 0], [2, 2, 2]], atol=1e-12)


def test_collections_are_references_by_name(small):
    assert [r.name for r in load_references("acwf-unaries")] == UNARIES_LEFT
    names = [r.name for r in load_references(["wbm-equilibrium", "dcdft"])]
    assert (names[:3], len(names)) == (["wbm-1", "wbm-2", "wbm-3"], 3 + 71)


@pytest.mark.parametrize("nothing", [[], [3]])
def test_what_is_no_reference_names_the_collections(nothing):
    with pytest.raises(InputError) as error:
        load_references(nothing)
    assert all(f"'{name}'" in str(error.value) for name in COLLECTIONS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("collection", "names"),
    [("acwf-unaries", set(UNARIES_LEFT)), ("wbm-equilibrium", {"wbm-1", "wbm-2"})],
)
def test_relax_takes_a_collection(run_cli, small, tmp_path, collection, names):
    path = tmp_path / "relax.json"
    status, out, _ = run_cli("relax", "-b", "ase:emt", collection, "--steps", "2", "--json", path)
    assert status == 0
    (run,) = load_runs(path)
    rows = {r.name: r for r in run.rows("relaxation")}
    assert names <= rows.keys()
    assert all(name in out for name in names)
    named = {r.name: r for r in load_references(collection)}
    for name in names - {"La-fcc"}:  # which EMT does not know
        assert rows[name].error is None
        assert rows[name].reference_volume == pytest.approx(named[name].relaxed.get_volume())


def test_help_and_mistakes_name_every_collection(run_cli):
    _, out, _ = run_cli("relax", "--help")
    assert all(name in "".join(out.split()) for name in COLLECTIONS)  # lines end within names
    status, _, err = run_cli("relax", "-b", "ase:emt", "wbm")
    assert status == 2
    assert err.startswith("mlipcheck: 'wbm' is not an element, a pair of elements, a data set, or")
    assert all(name in err.partition("data sets: ")[2] for name in COLLECTIONS)


@pytest.mark.parametrize("collection", ["acwf-unaries", "wbm-equilibrium"])
def test_a_collection_without_a_network_is_one_line(run_cli, monkeypatch, tmp_path, collection):
    def download(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr("pooch.core.stream_download", download)
    monkeypatch.delenv(datasets.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(datasets, "cache_folder", lambda: tmp_path)
    status, out, err = run_cli("relax", "-b", "ase:emt", collection)
    assert (status, out) == (2, "")
    assert err.startswith(f"mlipcheck: {collection} could not be downloaded (OSError); put ")
    assert err.count("\n") == 1


# --- the data themselves -------------------------------------------------------------------------


@pytest.fixture
def at_hand(monkeypatch, data_dir):
    """The folder of reference data, named, whatever the test before has named."""
    monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, str(data_dir))
    return data_dir


@pytest.mark.slow
def test_all_unaries_are_at_their_volumes(at_hand):
    (path,) = datasets.fetch("acwf-unaries")
    table = json.loads(path.read_text())
    no_f = set(chemical_symbols[1:58]) | set(chemical_symbols[72:90])
    wanted = no_f - {"O", "Cr", "Mn", "Fe", "Co", "Ni"}
    expected = {
        key.replace("-X/", "-").lower(): fit["min_volume"] / table["num_atoms_in_sim_cell"][key]
        for key, fit in table["BM_fit_data"].items()
        if key.split("-")[0] in wanted
    }
    found = {r.name.lower(): r.relaxed.get_volume() / len(r.relaxed) for r in acwf_unaries()}
    assert len(found) == 4 * 69
    assert found == pytest.approx(expected, rel=1e-12)
    (aluminium,) = (r for r in acwf_unaries() if r.name == "Al-fcc")
    assert aluminium.relaxed.get_volume() == pytest.approx(16.50, abs=0.01)


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")  # as spglib 2.7 warns of itself
@pytest.mark.parametrize(
    ("structure", "atoms", "neighbours", "group"),
    [("fcc", 1, 12, 225), ("bcc", 1, 8, 229), ("sc", 1, 6, 221), ("diamond", 2, 4, 227)],
)
def test_unaries_have_the_structures_they_are_called(at_hand, structure, atoms, neighbours, group):
    wanted = {f"{element}-{structure}" for element in ("Al", "Cs", "C")}
    chosen = [r for r in acwf_unaries() if r.name in wanted]
    assert len(chosen) == 3
    for r in chosen:
        assert len(r.relaxed) == atoms
        cell = (r.relaxed.cell[:], r.relaxed.get_scaled_positions(), r.relaxed.numbers)
        assert spglib.get_symmetry_dataset(cell).number == group
        distances = neighbor_list("d", r.relaxed, 2.0 * r.relaxed.get_volume() ** (1 / 3))
        nearest = np.isclose(distances, distances.min(), rtol=1e-6).sum() / atoms
        assert nearest == neighbours


@pytest.mark.slow
def test_all_wbm_crystals_are_what_their_file_says(at_hand):
    (path,) = datasets.fetch("wbm-equilibrium")
    rows = json.loads(gzip.decompress(path.read_bytes()))
    references = wbm_crystals()
    assert len(references) == len({r.name for r in references}) == len(rows) == 972
    assert len({s for r in references for s in r.relaxed.symbols}) == 83
    for r, row in zip(references, rows, strict=True):
        assert (r.name, r.energy) == (row["material_id"], row["energy"])
        formula = Formula(row["formula"]).count()  # reduced
        times = len(r.relaxed) / sum(formula.values())
        assert r.relaxed.symbols.formula.count() == {s: times * n for s, n in formula.items()}
        lattice, sites = row["structure"]["lattice"], row["structure"]["sites"]
        assert r.relaxed.get_volume() == pytest.approx(lattice["volume"], rel=1e-9)
        np.testing.assert_allclose(r.relaxed.cell.lengths(), [lattice[x] for x in "abc"])
        np.testing.assert_allclose(r.relaxed.positions, [s["xyz"] for s in sites], atol=1e-9)
