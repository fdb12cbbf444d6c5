"""Where outputs go: over no input, into devices and pipes, and nowhere else than was asked."""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from commands import typed

from mlipcheck import get_calculator
from mlipcheck.calculators.evaluate import evaluate
from mlipcheck.checks.interface.suite import check_calculator
from mlipcheck.checks.relaxation.relax import relax_against_reference
from mlipcheck.drawing.tables import Paragraph, TableBlock
from mlipcheck.report import terminal
from mlipcheck.results_file import load_runs
from mlipcheck.storage import write_atomically


def write_frames(path, n=4, text=None):
    """Write frames of copper, in which EMT's forces are exact."""
    images = []
    for k in range(n):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=k)
        atoms.calc = EMT()
        found = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.calc = SinglePointCalculator(atoms, **found)
        images.append(atoms)
    path.parent.mkdir(exist_ok=True)
    write(path, images, format="extxyz")


@pytest.fixture
def work(tmp_path):
    """A folder with a file, a folder of files, and links to both."""
    write_frames(tmp_path / "mine.xyz")
    write_frames(tmp_path / "runs/one.xyz")
    (tmp_path / "link.json").symlink_to("mine.xyz")
    (tmp_path / "link-runs").symlink_to("runs")
    os.link(tmp_path / "mine.xyz", tmp_path / "hard.json")
    return tmp_path


def contents(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- inputs stay -------------------------------------------------------------------------------

OVER_AN_INPUT = """
parity -b ase:emt mine.xyz --json mine.xyz
parity -b ase:emt mine.xyz --json ./runs/../mine.xyz
parity -b ase:emt mine.xyz --json link.json
parity -b ase:emt mine.xyz --json hard.json
parity -b ase:emt link.json --json mine.xyz
parity -b ase:emt runs --json runs/one.xyz
parity -b ase:emt link-runs --json runs/one.xyz
parity -b ase:emt mine.xyz --rescale --save mine.xyz
relax -b ase:emt mine.xyz --json mine.xyz
predict -b ase:emt mine.xyz --json mine.xyz
learn -b ase:emt mine.xyz --json mine.xyz
learn -b ase:emt mine.xyz --save mine.xyz
run -b ase:emt mine.xyz --json mine.xyz
run -b ase:emt Cu --reference mine.xyz --json mine.xyz
dimer -b ase:emt Cu --reference mine.xyz --json mine.xyz
contract -b rescaled:mine.xyz --json mine.xyz
contract -b ase:emt -o a=mine.xyz --json mine.xyz
report mine.xyz --json mine.xyz
"""


@pytest.mark.parametrize("command", OVER_AN_INPUT.strip().splitlines())
def test_no_output_replaces_an_input(work, command):
    before = contents(work)
    status, out, err = typed(work, *command.split())
    assert (status, out) == (2, "")
    assert re.fullmatch(r"mlipcheck: --(json|save) .*: it is read, as .*\n", err)
    assert contents(work) == before


@pytest.mark.slow
def test_a_comparison_does_not_replace_one_of_its_reports(work):
    for name in ("soft", "wide"):
        assert typed(work, "run", "-b", f"toy:{name}", "N", "--quick", "--out", name)[0] == 0
    before = contents(work)
    for given, out in (("soft", "soft"), ("soft/results.json", "soft"), ("wide", "wide")):
        status, _, err = typed(work, "report", given, "wide", "--out", out)
        assert status == 2
        assert f"--out {out}/results.json: it is read, as {out}/results.json" in err
    assert "it is read" in typed(work, "report", "soft", "--json", "soft/results.json")[2]
    assert contents(work) == before
    # drawn again it stays what it was
    for arguments in (("soft",), ("soft", "--out", "soft"), ("soft/results.json", "--out", "soft")):
        assert typed(work, "report", *arguments)[0] == 0
    assert contents(work) == before
    assert typed(work, "report", "soft", "wide", "--out", "both")[0] == 0


@pytest.mark.slow
def test_what_is_not_read_may_be_replaced(work):
    (work / "out.json").write_text("of before")
    status, _, err = typed(work, "parity", "-b", "ase:emt", ".", "--json", "out.json")
    assert status == 0, err
    assert load_runs(work / "out.json")[0].rows("parity")
    status, _, err = typed(work, "parity", "-b", "ase:emt", "runs", "--json", "mine.xyz")
    assert status == 0, err


# --- devices and pipes -------------------------------------------------------------------------


@pytest.mark.parametrize("link", [False, True])
def test_a_pipe_is_written_to_and_stays(tmp_path, link):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if link:
        (tmp_path / "link").symlink_to(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    status, _, err = typed(tmp_path, "backends", "--json", tmp_path / ("link" if link else "pipe"))
    reader.join(timeout=300)
    assert status == 0, err
    assert pipe.is_fifo()
    assert found[0].startswith(b"[\n")
    assert (tmp_path / "link").is_symlink() == link


@pytest.mark.parametrize("link", [False, True])
def test_a_device_stays(tmp_path, link, monkeypatch):
    place = tmp_path / "link" if link else Path("/dev/null")
    if link:
        place.symlink_to("/dev/null")
    # who may replace it is root: nothing is tried
    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, lambda *a: pytest.fail("a device would be replaced"))
    status, _, err = typed(tmp_path, "backends", "--json", place)
    assert status == 0, err
    write_atomically(place, "x")
    assert place.is_char_device()


def test_a_full_device_is_one_line(tmp_path):
    if not Path("/dev/full").is_char_device():
        pytest.skip("no /dev/full here")
    status, _, err = typed(tmp_path, "backends", "--json", "/dev/full")
    assert (status, err.count("\n")) == (2, 1)
    assert "--json /dev/full: not written, No space left on device" in err


def test_no_disk_is_written_over(tmp_path, monkeypatch):
    (tmp_path / "disk").touch()
    monkeypatch.setattr(Path, "is_file", lambda self: self.name != "disk")
    monkeypatch.setattr(Path, "is_block_device", lambda self: self.name == "disk")
    status, _, err = typed(tmp_path, "backends", "--json", "disk")
    assert status == 2
    assert "--json disk: not writable" in err


# --- nothing is no place -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "run -b ase:emt Cu --out",
        "run -b ase:emt Cu --json",
        "run -b ase:emt Cu --figures",
        "run -b ase:emt",
        "relax -b ase:emt",
        "parity -b ase:emt",
        "parity -b ase:emt mine.xyz --rescale --save",
        "learn -b ase:emt",
        "learn -b ase:emt mine.xyz --store",
        "learn -b ase:emt mine.xyz --save",
        "predict -b ase:emt",
        "report",
        "report runs --out",
    ],
)
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_word_is_not_the_working_directory(work, command, empty):
    before = contents(work)
    status, out, err = typed(work, *command.split(), empty)
    assert (status, out) == (2, "")
    assert f"{empty!r} is given where a name or a path is due" in err
    assert contents(work) == before


# --- calculators that wander -------------------------------------------------------------------

WANDERING = """
import os
from ase.calculators.emt import EMT

os.makedirs("elsewhere", exist_ok=True)
os.chdir("elsewhere")


class Wandering(EMT):
    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def __init__(self):
        os.chdir("..")
        super().__init__()

    def calculate(self, *arguments, **keywords):
        super().calculate(*arguments, **keywords)
        os.makedirs("deeper", exist_ok=True)
        os.chdir("deeper")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "run -b own:Wandering -b ase:emt mine.xyz Cu --quick --out report --json out.json",
        "parity -b own:Wandering mine.xyz --figures figures --json out.json",
        "relax -b own:Wandering rest.xyz --steps 2 --figures figures --json out.json",
        "dimer -b own:Wandering Cu --figures figures --json out.json",
        "contract -b own:Wandering Cu --json out.json",
        "predict -b own:Wandering mine.xyz --json out.json",
        "learn -b own:Wandering mine.xyz --sizes 1 --store fits --json out.json",
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # EMT's own, of atoms on one spot
def test_outputs_go_where_they_were_asked_for(work, command):
    (work / "own.py").write_text(WANDERING)
    write(work / "rest.xyz", bulk("Cu"))  # which may be at rest
    status, _, err = typed(work, *command.split())
    assert status == 0, err
    assert {p.name for p in work.iterdir()} >= {"out.json"}
    found = {p.relative_to(work).parts[0] for p in contents(work)}
    there = {"mine.xyz", "rest.xyz", "runs", "own.py", "link.json", "hard.json", "__pycache__"}
    assert found - there <= {"out.json", "report", "figures", "fits"}


@pytest.mark.slow
def test_the_library_stays_where_it_is_too(tmp_path, monkeypatch):
    (tmp_path / "wanders.py").write_text(WANDERING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    calculator = get_calculator("wanders:Wandering")
    assert Path.cwd() == tmp_path
    assert evaluate(calculator, [bulk("Cu")])[0].error is None
    assert Path.cwd() == tmp_path
    relax_against_reference(calculator, bulk("Cu"), steps=2)
    assert Path.cwd() == tmp_path
    check_calculator(calculator, elements=["Cu"], checks=["determinism", "dimer"])
    assert Path.cwd() == tmp_path


# --- what reaches the terminal -----------------------------------------------------------------

NASTY = "n\x1b[31mred\x1b]0;title\x07\x08\x7f\x9b\u202e\rx"


def controls(text):
    return {
        c
        for c in text
        if (unicodedata.category(c) == "Cc" and c not in "\n\t")
        or unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI")
    }


@pytest.mark.parametrize("where", ["cell", "header", "title", "line"])
def test_no_text_does_more_than_be_read(where, tmp_path):
    words = dict.fromkeys(("cell", "header", "title"), "x") | {where: f"see {NASTY} [bold]b[/]"}
    block = TableBlock(words["title"], (words["header"],), ((words["cell"],),), (False,))
    printed = Paragraph(words["line"]) if where == "line" else block
    with open(tmp_path / "out", "w+", newline="") as stream:
        terminal.print_blocks(terminal.console(stream), [printed])
        stream.seek(0)
        found = stream.read()
    assert not controls(found)
    assert "red" in found
    assert "[bold]b[/]" in "".join(found.split())


OWN = """
from ase.calculators.emt import EMT

class Nasty(EMT):
    def calculate(self, atoms=None, *arguments, **keywords):
        if len(atoms) == 4:
            raise RuntimeError({words!r})
        super().calculate(atoms, *arguments, **keywords)
"""
PRINTING = ("predict", "parity", "relax", "run", "learn")


@pytest.mark.slow
@pytest.mark.parametrize("command", PRINTING)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_names_and_errors_cannot_write_on_the_terminal(tmp_path, command, own):
    file = f"{NASTY}.xyz".replace("/", "")
    write_frames(tmp_path / file)
    (tmp_path / "own.py").write_text(OWN.format(words=NASTY))
    more = ["--out", NASTY, "--markdown"] if command == "run" else []
    _, out, err = typed(tmp_path, command, "-b", "own:Nasty" if own else "ase:emt", file, *more)
    assert out or err
    assert not controls(out)
    assert not controls(err)
    assert "red" in out + err
    for page in tmp_path.rglob("report.*"):
        assert not controls(page.read_text(encoding="utf-8"))
