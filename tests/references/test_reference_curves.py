"""Reference curves of diatomics."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import InputError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols
from scipy.interpolate import CubicSpline

from mlipcheck.calculators.toy.toy import Morse
from mlipcheck.references import datasets
from mlipcheck.references.curves import (
    ReferenceCurve,
    find_curves,
    morse_curve,
    parse_pair,
    pbe_curve,
    read_curve,
    sorted_pair,
)

R = np.linspace(0.8, 3.0, 12)
E = (1 - np.exp(-1.7 * (R - 1.1))) ** 2 - 1
F = -2 * 1.7 * (1 - np.exp(-1.7 * (R - 1.1))) * np.exp(-1.7 * (R - 1.1))
FILE = "diatomics-dft.json.gz"


def write_csv(path, columns, header="distance,energy,force"):
    rows = [",".join(f"{x!r}" for x in map(float, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def dimers(symbols=("Cu", "O"), axis=(1.0, 0.0, 0.0), forces=F, **atoms):
    """Frames of a molecule along an axis, labelled as a real calculation would."""
    axis = np.array(axis) / np.linalg.norm(axis)
    frames = []
    for k, r in enumerate(R):
        start = np.array([0.3, -0.2, 0.7])
        a = Atoms(symbols, [start, start + r * axis], **atoms)
        labels = {"energy": E[k]}
        if forces is not None:
            labels["forces"] = np.array([-forces[k] * axis, forces[k] * axis])
        a.calc = SinglePointCalculator(a, **labels)
        frames.append(a)
    return frames


# --- pairs and exact curves --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("Cu-O", ("Cu", "O")),
        ("O-Cu", ("Cu", "O")),
        ("N-N", ("N", "N")),
        ("Cu", None),
        ("Cu-", None),
        ("Cu-X", None),
        ("cu-o", None),
        ("Cu-O-H", None),
        ("", None),
    ],
)
def test_parse_pair(text, pair):
    assert parse_pair(text) == pair


def test_a_pair_has_one_order():
    assert sorted_pair("O", "Cu") == sorted_pair("Cu", "O") == ("Cu", "O")


@pytest.mark.parametrize(("depth", "a", "r0"), [(1.0, 1.7, 1.1), (4.5, 2.2, 1.4)])
def test_morse_curve_is_the_formula(depth, a, r0):
    curve = morse_curve(("N", "N"), R, Morse(depth, a, r0))
    x = np.exp(-a * (R - r0))
    np.testing.assert_allclose(curve.energies, depth * (x * x - 2 * x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(curve.forces, 2 * depth * a * (x * x - x), rtol=1e-12, atol=1e-12)
    assert curve.level_of_theory == "analytic"


def test_morse_curve_is_the_toys_by_default():
    curve = morse_curve(("N", "N"), np.array([1.1, 50.0]))
    np.testing.assert_allclose(curve.energies, [-1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(curve.forces, 0.0, atol=1e-12)


# --- PBE ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["H", "N", "O", "Si", "Cu"])
def test_pbe_forces_are_the_derivative_of_the_energies_in_the_wall(data_dir, symbol):
    curve = pbe_curve((symbol, symbol), data_dir / FILE)
    assert (np.diff(curve.distances) > 0).all()
    slope = CubicSpline(curve.distances, curve.energies).derivative()(curve.distances)
    inside = curve.distances < curve.distances[curve.energies.argmin()]
    wall = inside & (slope < -5)  # above the ripples that changes of spin leave
    assert wall.sum() >= 8
    assert (curve.forces[wall] > 0).all()  # repulsive
    ratio = -slope[wall] / curve.forces[wall]
    assert np.median(ratio) == pytest.approx(1, abs=1e-3)
    assert (abs(ratio - 1) < 0.2).all()


def test_pbe_oxygen_has_its_bond_length(data_dir):
    curve = pbe_curve(("O", "O"), data_dir / FILE)
    fine = np.linspace(1.0, 1.6, 6001)
    minimum = fine[CubicSpline(curve.distances, curve.energies)(fine).argmin()]
    assert 1.20 < minimum < 1.24
    sign = np.sign(curve.forces)
    crossing = curve.distances[:-1][(sign[:-1] > 0) & (sign[1:] < 0)]
    assert abs(crossing - minimum).min() < 0.1
    assert "PBE" in curve.level_of_theory


def test_pbe_has_no_curve_of_unlike_atoms(data_dir):
    assert pbe_curve(("Cu", "O"), data_dir / FILE) is None


@pytest.mark.parametrize(
    ("symbol", "there"),
    [("Ce", True), ("Lu", True), ("U", True), ("Np", False)]
    + [(x, False) for x in chemical_symbols[59:71]],  # Pr to Yb
)
def test_pbe_leaves_out_what_is_not_to_be_trusted(data_dir, symbol, there):
    assert (pbe_curve((symbol, symbol), data_dir / FILE) is not None) == there


# --- a user's own ------------------------------------------------------------------------------


@pytest.mark.parametrize("with_force", [True, False])
def test_csv_curve(tmp_path, with_force):
    header = "distance,energy,force" if with_force else "distance,energy"
    columns = (R, E, F) if with_force else (R, E)
    curve = read_curve(write_csv(tmp_path / "O-Cu.csv", columns, header))
    assert curve.pair == ("Cu", "O")
    assert curve.name == "O-Cu.csv"
    np.testing.assert_array_equal(curve.distances, R)
    np.testing.assert_array_equal(curve.energies, E)
    if with_force:
        np.testing.assert_array_equal(curve.forces, F)
    else:
        assert curve.forces is None


def test_csv_rows_are_sorted_together(tmp_path):
    order = np.random.default_rng(1).permutation(len(R))
    curve = read_curve(write_csv(tmp_path / "N-N.csv", (R[order], E[order], F[order])))
    np.testing.assert_array_equal(curve.distances, R)
    np.testing.assert_array_equal(curve.energies, E)
    np.testing.assert_array_equal(curve.forces, F)


@pytest.mark.parametrize(
    "header",
    [" Distance , ENERGY ,Force", "\ufeffdistance,energy,force", "distance,energy,force\r"],
    ids=["blanks", "byte order mark", "CRLF"],
)
def test_csv_headers_as_spreadsheets_write_them(tmp_path, header):
    curve = read_curve(write_csv(tmp_path / "N-N.csv", (R, E, F), header))
    np.testing.assert_array_equal(curve.forces, F)


def test_csv_of_another_name_is_about_the_only_pair(tmp_path):
    path = write_csv(tmp_path / "mine.csv", (R, E, F))
    assert read_curve(path, [("Cu", "O")]).pair == ("Cu", "O")
    for pairs in ([], [("Cu", "O"), ("O", "O")]):
        with pytest.raises(InputError, match=r"mine\.csv: which pair\? Call the file A-B\.csv"):
            read_curve(path, pairs)


LINES = [f"{r},{e}" for r, e in zip(R, E, strict=True)]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "columns are none"),
        (["distance,energy"], "columns are none"),
        (["r,energy", *LINES], "columns are r, energy; distance,energy"),
        (["distance,force", *LINES], "columns are distance, force; distance,energy"),
        (LINES, "columns are 0.8"),
        (["distance,energy", *LINES, "2.0,low"], "not a table of numbers"),
        (["distance,energy", *LINES, "2.05"], "not a table of numbers"),
        (["distance,energy", *LINES, "2.05,1.0,3.0"], "not a table of numbers"),
        (["distance,energy", *LINES[:7]], "7 points; a curve needs 8 or more"),
        (["distance,energy", *LINES, LINES[0]], "different distances"),
        (["distance,energy", *LINES, "0.0,9.0"], "distances > 0"),
        (["distance,energy", *LINES, "-1.0,9.0"], "distances > 0"),
        (["distance,energy", *LINES, "4.0,nan"], "finite"),
        (["distance,energy", *LINES, "inf,0.0"], "finite"),
    ],
)
def test_csv_that_is_no_curve(tmp_path, lines, why):
    path = tmp_path / "N-N.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError) as error:
        read_curve(path)
    assert str(path) in str(error.value)
    assert why in str(error.value)


def test_binary_csv_is_no_curve(tmp_path):
    path = tmp_path / "N-N.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match=r"N-N\.csv"):
        read_curve(path)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 0, -1), (1, -2, 3)])
@pytest.mark.parametrize("symbols", [("Cu", "O"), ("O", "Cu")])
def test_trajectory_of_dimers(tmp_path, axis, symbols):
    path = tmp_path / "scan.xyz"
    ase.io.write(path, dimers(symbols, axis)[::-1])
    curve = read_curve(path)
    assert curve.pair == ("Cu", "O")
    np.testing.assert_allclose(curve.distances, R, atol=1e-6)
    np.testing.assert_allclose(curve.energies, E, atol=1e-6)
    np.testing.assert_allclose(curve.forces, F, atol=1e-5)


def test_trajectory_across_the_border_of_a_box(tmp_path):
    frames = dimers(axis=(1, 1, 0), cell=[12, 13, 14], pbc=True)
    for a in frames:
        calc = a.calc
        a.positions -= 0.5
        a.wrap()
        calc.atoms = a.copy()
        a.calc = calc
    path = tmp_path / "scan.traj"
    ase.io.write(path, frames)
    curve = read_curve(path)
    np.testing.assert_allclose(curve.distances, R, atol=1e-9)
    np.testing.assert_allclose(curve.forces, F, atol=1e-9)


def test_trajectory_without_forces(tmp_path):
    path = tmp_path / "scan.xyz"
    ase.io.write(path, dimers(forces=None))
    curve = read_curve(path)
    assert curve.forces is None
    np.testing.assert_allclose(curve.energies, E, atol=1e-6)


def without_labels():
    return [Atoms(a.symbols, a.positions) for a in dimers()]


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        (without_labels, "frames without energies"),
        (lambda: dimers() + dimers(("O", "O")), "not dimers of one pair"),
        (lambda: [*dimers(), Atoms("CuO2", np.eye(3))], "not dimers of one pair"),
        (lambda: [Atoms("Cu")] * 9, "not dimers of one pair"),
        (lambda: dimers()[:7], "7 points"),
        (lambda: dimers() + dimers()[:1], "different distances"),
    ],
)
def test_trajectory_that_is_no_curve(tmp_path, frames, why):
    path = tmp_path / "scan.traj"
    ase.io.write(path, frames())
    with pytest.raises(InputError, match=why) as error:
        read_curve(path)
    assert str(path) in str(error.value)


BAD = {
    "NaN energy": {"energy": np.nan},
    "1e+308": {"energy": 1e308},
    "cannot be read as numbers": {"energy": "low"},
    "energy of shape (2,)": {"energy": np.ones(2)},
    "NaN forces": {"forces": np.full((2, 3), np.nan)},
}


@pytest.mark.parametrize(("why", "labels"), BAD.items(), ids=list(BAD))
def test_a_frame_without_a_usable_label_is_left_out_and_named(tmp_path, why, labels):
    frames = dimers()
    frames[3].calc.results |= labels
    path = tmp_path / "scan.traj"
    ase.io.write(path, frames)
    curve = read_curve(path)
    np.testing.assert_allclose(curve.distances, np.delete(R, 3))
    np.testing.assert_allclose(curve.forces, np.delete(F, 3))
    assert curve.name.startswith("scan.traj without scan[3] (")
    assert why in curve.name


def test_a_frame_of_no_elements_is_left_out_and_named(tmp_path):
    frames = dimers()
    frames[3].numbers[0] = 119
    frames[5] = Atoms(frames[5].symbols, frames[5].positions)
    path = tmp_path / "scan.traj"
    ase.io.write(path, frames)
    curve = read_curve(path)
    assert len(curve.distances) == len(R) - 2
    assert "scan[3] (no element has the atomic number 119" in curve.name
    assert "scan[5] (no labels)" in curve.name


@pytest.mark.parametrize("content", [b"", b"what is this\n", bytes(range(256))])
def test_file_that_ase_cannot_read(tmp_path, content):
    path = tmp_path / "scan.xyz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"scan\.xyz"):
        read_curve(path)


def test_missing_curve(tmp_path):
    with pytest.raises(InputError, match="no such file; give a CSV or a trajectory"):
        read_curve(tmp_path / "N-N.csv")


# --- which curve for which pair ----------------------------------------------------------------

GRIDS = {("N", "N"): R, ("N", "O"): R, ("O", "O"): R}


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    """Neither a named folder nor downloads."""
    monkeypatch.delenv(datasets.ENVIRONMENT_VARIABLE, raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setattr(datasets, "cache_folder", lambda: cache)
    return cache


@pytest.mark.parametrize(("source", "exact"), [("auto", True), ("morse", False), ("morse", True)])
def test_exact_reference_of_every_pair(source, exact):
    found = find_curves(source, GRIDS, exact=exact)
    assert list(found) == list(GRIDS)
    assert {c.name for c in found.values()} == {"exact Morse"}


def test_no_reference(no_data):
    assert find_curves("none", GRIDS, exact=True) == {}
    assert find_curves("auto", GRIDS) == {}  # no data at hand, and no download either


@pytest.mark.parametrize("source", ["auto", "pbe"])
def test_pbe_reference_of_equal_atoms(data_dir, monkeypatch, no_data, source):
    monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, str(data_dir))
    found = find_curves(source, GRIDS)
    assert set(found) == {("N", "N"), ("O", "O")}
    assert {c.name for c in found.values()} == {"PBE diatomics"}


def test_users_curves(tmp_path):
    own = write_csv(tmp_path / "O-N.csv", (R, E, F))
    mine = ReferenceCurve(("O", "O"), "mine", None, R, E, F)
    assert set(find_curves(str(own), GRIDS)) == {("N", "O")}
    assert set(find_curves([str(own), mine], GRIDS)) == {("N", "O"), ("O", "O")}
    assert find_curves(mine, GRIDS) == {("O", "O"): mine}
    assert find_curves({("O", "O"): mine}, GRIDS) == {("O", "O"): mine}


def test_users_curve_as_a_path(tmp_path):
    own = write_csv(tmp_path / "O-N.csv", (R, E, F))
    assert set(find_curves(own, GRIDS)) == {("N", "O")}


def test_curve_of_a_pair_that_is_not_scanned(tmp_path):
    path = write_csv(tmp_path / "Cu-O.csv", (R, E, F))
    message = r"Cu-O\.csv is about Cu-O, which is not scanned; scanned: N-N, N-O, O-O"
    with pytest.raises(InputError, match=message):
        find_curves(str(path), GRIDS)


@pytest.mark.parametrize("factor", [-1.0, 0.529, 27.2])
def test_forces_of_the_wrong_sign_or_unit_are_refused(tmp_path, factor):
    r = np.linspace(0.8, 4, 60)
    table = np.stack([r, Morse().energy(r), factor * Morse().force(r)], axis=1)
    path = tmp_path / "N-N.csv"
    np.savetxt(path, table, delimiter=",", header="distance,energy,force", comments="")
    with pytest.raises(InputError, match="sign"):
        read_curve(path)
