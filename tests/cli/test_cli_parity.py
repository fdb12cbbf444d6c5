"""`mlipcheck parity` as a user types it."""

from __future__ import annotations

import json
import re

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from mlipcheck.checks.parity.record import Parity
from mlipcheck.results_file import load_runs
from mlipcheck.storage import from_plain


def load_run(path):
    (record,) = load_runs(path)
    return record


def labelled_by_emt(factor=1.0, n=8, noise=0.0, symbol="Cu", **changes):
    """Rattled crystals with EMT's own labels, forces times a factor."""
    rng = np.random.default_rng(3)
    images = []
    for k in range(n):
        atoms = bulk(symbol, cubic=True)
        atoms.rattle(0.08, seed=k)
        atoms.calc = EMT()
        found = {
            "energy": atoms.get_potential_energy(),
            "forces": factor * atoms.get_forces(),
            "stress": atoms.get_stress(),
        }
        found["forces"] = found["forces"] + noise * rng.normal(size=found["forces"].shape)
        found |= {name: change(found[name]) for name, change in changes.items()}
        atoms.info["internal_id"] = f"{symbol}{k}"
        atoms.calc = SinglePointCalculator(atoms, **found)
        images.append(atoms)
    return images


def words(out):
    return " ".join(out.split())


@pytest.fixture
def judge(run_cli, tmp_path):
    """Compare with labelled frames: (stdout, stderr, the answer for each use)."""

    def run(*arguments):
        path = tmp_path / "judged.json"
        status, out, err = run_cli("parity", *arguments, "--json", path)
        assert status == 0, err
        return out, err, {a.use: a.answer for a in load_run(path).uses}

    return run


def write(path, images):
    ase.io.write(path, images)
    return path


@pytest.mark.slow
def test_nothing_named_shows_the_toy_in_and_out_of_its_distribution(run_cli):
    status, out, err = run_cli("parity", "--verbose")
    assert status == 0
    assert "morse-near (60 frames), morse-far" in err
    assert "No system named: a demonstration on N." in out
    assert "in distribution" in out
    assert "out of distribution" in out
    assert "ranking accuracy by σ" in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--energy-resolution", "--signal"])
def test_two_sets_are_two_columns_and_a_resolution_their_last_lines(run_cli, tmp_path, option):
    near = write(tmp_path / "near.xyz", labelled_by_emt())
    far = write(tmp_path / "far.xyz", labelled_by_emt(0.5))
    status, out, _ = run_cli("parity", "-b", "ase:emt", near, far, option, "0.25", "-v")
    assert status == 0
    lines = out[out.index("Labelled frames") :].splitlines()
    heads = next(line for line in lines if "near" in line)
    assert heads.split() == ["near", "far"]
    chance = next(line for line in lines if "ranking accuracy by σ" in line)
    assert chance.count("% for 0.25 eV") == 2


@pytest.mark.slow
def test_the_record_comes_back_and_is_printed_again(run_cli, tmp_path):
    path, record = write(tmp_path / "frames.xyz", labelled_by_emt(0.5)), tmp_path / "r.json"
    _, first, _ = run_cli("parity", "-b", "ase:emt", path, "--rescale", "--json", record)
    (row,) = load_run(record).rows("parity")
    assert row.forces.s_lo.value == pytest.approx(2, abs=1e-3)
    found = json.loads(record.read_text())["checks"]["parity"][0]
    assert isinstance(from_plain(Parity, found), Parity)
    _, again, _ = run_cli("report", record)
    assert first == again
    assert "What it may be used for" in again


@pytest.mark.slow
def test_models_side_by_side_need_the_same_labels(run_cli, tmp_path):
    path, other = tmp_path / "a.xyz", tmp_path / "b.xyz"
    write(path, labelled_by_emt())
    write(other, labelled_by_emt(0.9))
    records = [tmp_path / f"{k}.json" for k in range(3)]
    for record, args in zip(
        records, [("-b", "ase:emt", path), ("-b", "toy", path), ("-b", "toy", other)], strict=True
    ):
        assert run_cli("parity", *args, "--json", record)[0] == 0
    status, out, _ = run_cli("report", *records[:2], "--verbose")
    assert status == 0
    assert re.search(r"^ ?parity: forces +not assessed +fail", out, re.MULTILINE)
    status, _, err = run_cli("report", records[0], records[2])
    assert status == 2
    assert "not the same frames with the same labels" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"forces": lambda f: f / 51.42}, "forces look 51.4 times too small"),
        ({"stress": lambda s: s * 160.2}, "are they in GPa?"),
        ({"forces": lambda f: -f}, "forces look as if their sign were reversed"),
    ],
)
def test_odd_labels_are_told_and_the_rest_is_judged(judge, tmp_path, changes, told):
    path = write(tmp_path / "frames.xyz", labelled_by_emt(noise=0.01, **changes))
    out, _, answers = judge("-b", "ase:emt", path, "--energy-resolution", "0.3")
    assert re.search(rf"^doubt: .*{re.escape(told)}", out, re.MULTILINE)
    assert answers["energies"] == "yes"
    # forces are right, but stresses that nobody can read might have asked for care
    assert answers["vibrations"] == ("with care" if "stress" in changes else "not tested")


@pytest.mark.slow
def test_zeros_that_stand_for_not_computed_are_no_labels(judge, tmp_path):
    images = labelled_by_emt(n=24, energy=lambda e: 1.001 * e, forces=np.zeros_like)
    path = write(tmp_path / "frames.xyz", images)
    out, _, answers = judge("-b", "ase:emt", path, "--energy-resolution", "0.3", "-v")
    assert "exactly zero, not computed" in words(out)
    assert (answers["energies"], answers["vibrations"]) == ("yes", "not tested")


@pytest.mark.slow
def test_energies_in_hartree_are_suspected(judge, tmp_path):
    images = labelled_by_emt(noise=0.01, energy=lambda e: e / 27.2114)
    path = write(tmp_path / "frames.xyz", images)
    out, _, answers = judge("-b", "ase:emt", path)
    assert "doubt: energies look 27.2 times too small: are they in Hartree?" in words(out)
    assert (answers["energies"], answers["vibrations"]) == ("not tested", "yes")


@pytest.mark.slow
def test_an_unknown_element_fails_its_frames_alone(run_cli, tmp_path):
    images = labelled_by_emt()
    images[2].numbers[0] = 26  # iron, which EMT has not
    path = write(tmp_path / "frames.xyz", images)
    record = tmp_path / "r.json"
    status, out, _ = run_cli("parity", "-b", "ase:emt", path, "--json", record)
    assert status == 0
    assert "frames: 1 of 8 frames failed" in out
    (row,) = load_run(record).rows("parity")
    (failure,) = row.failures
    assert failure == ("frames[2]", "NotImplementedError: No EMT-potential for Fe")
    assert row.energy.frames == 7
    assert {a.use: a.answer for a in load_run(record).uses}["vibrations"] == "with care"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("nowhere.xyz",),
            "'nowhere.xyz' is not an element, a pair of elements, a data set, or a file",
        ),
        (("diatomics-pbe",), "diatomics-pbe has no labelled frames"),
        (("morse-near", "--energies", "cooked"), "energies is 'cooked'; give one of raw"),
        (("morse-near", "--signal", "-1"), "energy_resolution is -1.0; give a positive"),
        (("morse-near", "--sample", "0"), "sample is 0; give 1 frame or more"),
        (("morse-near", "--save", "k.json"), "--save is of a factor; give --rescale too"),
        (
            ("morse-near", "morse-far", "--rescale", "--save", "k.json"),
            "--save is of one set of frames, 2 given",
        ),
        (
            ("-b", "toy", "-b", "toy:wide", "morse-near", "--rescale", "--save", "k.json"),
            "--save is of one model, 2 given; name one",
        ),
        (
            ("-b", "ase:emt"),
            "which system? Name elements that the calculator knows, as in Cu Al, or files",
        ),
    ],
)
def test_mistakes_are_one_line(run_cli, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    status, out, err = run_cli("parity", *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert told in err


def test_frames_without_any_label_are_one_line(run_cli, tmp_path):
    path = write(tmp_path / "bare.xyz", [bulk("Cu")])
    status, _, err = run_cli("parity", "-b", "ase:emt", path)
    assert status == 2
    assert err.count("\n") == 1
    assert "label" in err


def test_how_many_files_are_left_out_is_on_the_screen(run_cli, tmp_path):
    paths = [write(tmp_path / "frames.xyz", labelled_by_emt(noise=0.01))]
    for k in range(4):
        paths.append(tmp_path / f"words{k}.xyz")
        paths[-1].write_text("these are\nonly\nwords\n")
    status, out, _ = run_cli("parity", "-b", "ase:emt", *paths)
    assert status == 0
    assert "not readable as " in words(out)
    assert "words0.xyz, words1.xyz, words2.xyz and 1 more" in words(out)
    assert out.count("\n") <= 40
    _, _, err = run_cli("parity", "-b", "ase:emt", *paths, "--verbose")
    assert all(f"words{k}.xyz: not readable" in err for k in range(4))


@pytest.mark.slow
def test_a_sample_is_drawn_with_its_seed(run_cli, tmp_path):
    record = tmp_path / "r.json"
    run_cli("parity", "morse-near", "--sample", "7", "--seed", "5", "--json", record)
    (row,) = load_run(record).rows("parity")
    assert row.frames == 7
    assert row.notes[-1] == "7 of 60 frames, seed 5"


@pytest.mark.slow
def test_an_accepted_factor_is_saved_and_loads_as_a_backend(run_cli, judge, tmp_path):
    path, saved = tmp_path / "frames.xyz", tmp_path / "k.json"
    write(path, labelled_by_emt(1 / 0.7, noise=0.03, n=25))
    status, out, err = run_cli("parity", "-b", "ase:emt", path, "--rescale", "--save", saved)
    assert status == 0
    assert "rescale: Multiply the forces by 1.4" in out
    assert "moves no minimum" in words(out)
    assert f"use it as -b rescaled:{saved}" in err
    *_, before = judge("-b", "ase:emt", path)
    *_, after = judge("-b", f"rescaled:{saved}", path)
    assert (before["vibrations"], after["vibrations"]) == ("with care", "yes")


@pytest.mark.slow
def test_a_refused_factor_is_not_saved(run_cli, tmp_path):
    path, saved = tmp_path / "frames.xyz", tmp_path / "k.json"
    write(path, labelled_by_emt(noise=0.02))
    status, out, err = run_cli(
        "parity", "-b", "ase:emt", path, "--rescale", "--save", saved, "--verbose"
    )
    assert status == 0
    assert "refused: the factor is 0.999: there is nothing to rescale" in words(out)
    assert "not written: the factor is refused" in err
    assert not saved.exists()


@pytest.mark.slow
def test_forces_that_go_the_other_way_are_not_ok(judge, tmp_path):
    path = write(tmp_path / "frames.xyz", labelled_by_emt(-0.5, noise=0.3))
    out, _, answers = judge("-b", "ase:emt", path)
    assert "doubt: forces look as if their sign were reversed" in out
    assert answers["vibrations"] == "not tested"


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1.8897, 51.422])
def test_beside_a_doubtful_unit_no_softening_is_told(run_cli, tmp_path, unit):
    path = write(tmp_path / "frames.xyz", labelled_by_emt(1 / unit))
    record, saved = tmp_path / "r.json", tmp_path / "k.json"
    _, out, err = run_cli(
        "parity", "-b", "ase:emt", path, "--rescale", "--save", saved, "--json", record
    )
    assert {f.status for f in load_run(record).findings if f.quantity == "softening"} <= {
        "not assessed"
    }
    assert "rescale: Multiply" not in out
    assert "not written: the factor is refused" in err
    assert not saved.exists()


@pytest.mark.slow
def test_a_soft_model_that_ranks_every_pair_is_judged_by_what_it_does(judge, tmp_path):
    path = tmp_path / "frames.xyz"
    write(path, labelled_by_emt(n=25, noise=0.01, energy=lambda e: 1.4 * e))
    out, _, answers = judge("-b", "ase:emt", path, "--energy-resolution", "0.3", "-v")
    assert "the model's differences are 0.71 times the reference's" in words(out)
    assert "Read what was observed" in words(out)
    assert "ranked right from" not in out
    assert "states that far apart, or farther, are ranked right" in words(out)
    assert answers["energies"] == "yes"


@pytest.mark.slow
def test_who_made_frames_independently_may_say_so(run_cli, tmp_path):
    images = labelled_by_emt(1 / 0.7, noise=0.03, n=20)
    for atoms in images:
        del atoms.info["internal_id"]
    path = write(tmp_path / "frames.xyz", images)
    _, out, _ = run_cli("parity", "-b", "ase:emt", path, "--rescale", "--verbose")
    assert "20 (1)" in out
    assert "--independent" in out
    assert "rescale: Multiply" not in out
    _, out, _ = run_cli("parity", "-b", "ase:emt", path, "--rescale", "--independent")
    assert "20 (20)" in out
    assert "rescale: Multiply the forces by 1.4" in out


@pytest.mark.slow
def test_a_set_is_in_the_distribution_of_those_that_saw_it(run_cli):
    _, out, _ = run_cli("parity", "-b", "ase:lj", "morse-near", "--verbose")
    assert "distribution" not in out.replace("normal distribution", "")


@pytest.mark.slow
def test_one_file_twice_counts_once(run_cli, tmp_path):
    path = write(tmp_path / "frames.xyz", labelled_by_emt())
    _, out, _ = run_cli("parity", "-b", "ase:emt", path, path)
    assert "8 reference frames of 8 runs" in out
