"""Report: how it shows itself, tables, figures on one's own axes, saved and read again."""

from __future__ import annotations

import re
import sys

import matplotlib.pyplot as plt
import pytest
from ase.build import bulk
from ase.calculators.calculator import InputError
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from mlipcheck import Report, run_checks

SETTINGS = {"reference": "none", "quick": True}


@pytest.fixture(scope="module")
def both():
    """Two models on one pair."""
    return run_checks(["toy", "toy:wide"], "N", only="dimers", **SETTINGS)


@pytest.fixture(scope="module")
def one():
    """One model on two pairs, and labelled frames."""
    frames = []
    for seed in range(12):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=1.25 * forces)
        frames.append(atoms)
    return run_checks(EMT(), [frames, "Au"], only=("dimers", "parity"), **SETTINGS)


@pytest.fixture
def axes():
    """Axes of a user's own."""
    figure, made = plt.subplots(2)
    yield made
    plt.close(figure)


def test_it_prints_as_one_screen(one, both):
    for report, uses in ((one, 7), (both, 7)):
        lines = repr(report).splitlines()
        assert len(lines) <= 40
        assert max(map(len, lines)) <= 100
        assert sum(line.startswith(("relax ", "compare ", "molecules ")) for line in lines) == 3
        assert len(lines) == len(report.runs) + uses
    assert re.search(r"vibrations and elasticity +with care +softening: slope 0.8", repr(one))
    assert repr(both).startswith("A: toy (")


def test_it_shows_itself_in_a_notebook(one, both):
    for report in (one, both):
        page = report._repr_html_()
        assert page.startswith('<div class="mlipcheck">')
        assert page.rstrip().endswith("</div>")
        assert "What it may be used for" in page
        assert "<html" not in page
        assert "http" not in page
        assert not re.search(r' (id|href)="', page)  # two reports may stand in one notebook
    assert "slope" in one._repr_html_()


def test_names_are_escaped():
    atoms = bulk("Cu", cubic=True)
    atoms.info["name"] = "<script>alert(1)</script>"
    page = run_checks(EMT(), atoms, only="relaxation")._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script" not in page


def test_the_verdict_is_a_mapping(one, both):
    assert one.verdict["vibrations"] == "with care"
    assert one.verdict == {use.use: use.answer for use in one.uses}
    assert both.verdict["toy"]["molecules"] == "no"
    assert len(both.uses) == 14
    assert [row.name for row in one.rows("dimers")] == ["Au-Au", "Cu-Cu"]
    assert one.rows("phonons") == ()
    with pytest.raises(InputError, match="no check is called 'dimmer'; known: interface"):
        one.rows("dimmer")


def test_tables_of_text(one):
    assert "Au-Au" in one.table("dimers")
    assert "Labelled frames" not in one.table("dimers")
    assert "Labelled frames" in one.table()


@pytest.mark.slow
def test_it_is_saved_and_read_again(one, both, tmp_path):
    for name, report in (("one", one), ("both", both)):
        paths = report.save(tmp_path / name, markdown=True)
        assert {"results.json", "report.html", "report.md"} <= {path.name for path in paths}
        again = Report.load(tmp_path / name)
        assert again.to_dict() == report.to_dict()
        assert repr(again) == repr(report)
        again.save(tmp_path / f"{name} again")
        for file in ("results.json", "report.html"):
            written = [
                (tmp_path / folder / file).read_bytes() for folder in (name, f"{name} again")
            ]
            assert written[0] == written[1]
    assert Report.load(tmp_path / "one" / "results.json").verdict == one.verdict


def test_a_folder_without_a_report_is_a_mistake(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*: No such file"):
        Report.load(tmp_path / "nowhere")
    (tmp_path / "mine.cif").write_text("data_mine")
    with pytest.raises(InputError, match=r"mine.cif: not JSON .*; give what `save` or --out"):
        Report.load(tmp_path / "mine.cif")


@pytest.mark.slow
def test_two_reports_become_one(both):
    found = [run_checks(m, "N", only="dimers", **SETTINGS) for m in ("toy", "toy:wide")]
    together = found[0].compare(found[1])
    assert together.verdict == both.verdict
    other = run_checks("toy:wide", "O", only="dimers", **SETTINGS)
    with pytest.raises(InputError, match=r"toy and toy:wide cannot be joined: .*N-N.*O-O"):
        found[0].compare(other)


def test_findings_as_a_table(one, both):
    pytest.importorskip("pandas", reason="pandas is not installed")
    found = both.to_dataframe()
    columns = "model status check quantity subject value number unit limits tested_on decides"
    assert set(columns.split()) <= set(found.columns)
    assert len(found) == len(both.findings)
    assert set(found["model"]) == {"toy", "toy:wide"}
    slope = one.to_dataframe().set_index("quantity").loc["softening"]
    assert (slope["status"], slope["subject"]) == ("caution", "Cu4")
    assert slope["number"] == pytest.approx(20)  # % off
    rows = one.to_dataframe("dimers")
    assert list(rows["equilibrium_distance"]) == pytest.approx(
        [row.equilibrium_distance for row in one.rows("dimers")]
    )
    assert "energy.mae.value" in one.to_dataframe("parity").columns
    assert one.to_dataframe("phonons").empty


def test_without_pandas_it_says_what_to_install(one, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pandas is not installed; pip install pandas"):
        one.to_dataframe()


@pytest.mark.slow
def test_figures_go_on_ones_own_axes(one, axes):
    ax = axes[0]
    ax.plot([0], [0], label="mine")
    assert one.plot("dimers", "Cu-Cu", ax=ax) is ax
    scan = next(row for row in one.rows("dimers") if row.name == "Cu-Cu")
    drawn = next(line for line in ax.lines if len(line.get_xdata()) == len(scan.distances))
    assert drawn.get_xdata() == pytest.approx(scan.distances)
    assert ax.get_title() == "Cu-Cu"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("distance (Å)", "E − E(rₑ) (eV)")
    assert ax.get_legend() is not None
    assert not ax.figure.legends  # the rest of the user's figure is as it was
    assert not axes[1].lines
    plain = one.plot("dimers", "Cu-Cu").axes[0]
    assert ax.get_xlim() == pytest.approx(plain.get_xlim())
    assert ax.get_ylim() == pytest.approx(plain.get_ylim())


@pytest.mark.slow
def test_energies_above_forces_on_two_axes(one, axes):
    one.plot("dimers", 0, ax=axes)
    assert [ax.get_ylabel() for ax in axes] == ["E − E(rₑ) (eV)", "f (eV/Å)"]
    assert (axes[0].get_xlabel(), axes[1].get_xlabel()) == ("", "distance (Å)")


@pytest.mark.slow
def test_a_figure_of_one_axes(one, axes):
    assert one.plot("parity", 0, ax=axes[1]) is axes[1]
    assert axes[1].get_xlabel()
    assert axes[1].collections or axes[1].lines


@pytest.mark.slow
def test_axes_keep_a_label_of_their_own(one, axes):
    """The error of energies stands above that of differences, on a scale of its own."""
    one.plot("parity", "scales", ax=axes[0])
    upper = one.plot("parity", "scales").axes[0]
    assert axes[0].get_xlabel() == upper.get_xlabel() == "MAE of the energy (eV/atom)"
    assert axes[0].get_xscale() == upper.get_xscale()


def test_without_axes_it_is_a_figure(one):
    figure = one.plot("dimers", "Au-Au")
    assert [ax.get_title() for ax in figure.axes] == ["Au-Au", ""]
    assert not plt.get_fignums()


def test_pairs_go_in_either_order():
    report = run_checks("ase:emt", "Cu-Au", only="dimers", **SETTINGS)
    assert report.plot("dimers", "Cu-Au").axes[0].get_title() == "Au-Cu"


def test_an_unknown_figure_names_the_known(one):
    with pytest.raises(InputError, match="dimers has no figure 'Cu'; figures: Au-Au, Cu-Cu"):
        one.plot("dimers", "Cu")
    with pytest.raises(InputError, match="phonons has no figure 0; figures: none"):
        one.plot("phonons")
