"""How the process ends: told to, with nobody reading, or with nowhere to write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from mlipcheck import storage
from mlipcheck.checks.kept import write_kept
from mlipcheck.checkup.store import PartStore
from mlipcheck.references.datasets import cache_folder
from mlipcheck.results_file import load_runs

pytestmark = pytest.mark.slow

SIGNALLED = '''
import os, signal, warnings
from ase.calculators.emt import EMT
warnings.simplefilter("ignore")

class Told(EMT):
    """EMT that sends its process a signal in the middle of the second pair, after its timing."""
    done = 0
    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        if len(self.atoms) == 2 and not self.atoms.pbc.any() and 47 in self.atoms.numbers:
            self.done += 1
            if self.done == 60 and "SIGNAL" in os.environ:
                os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))
'''
RUN = ("run", "Cu-Cu", "Ag-Ag", "--reference", "none", "--quick")


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "told.py").write_text(SIGNALLED)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def typed(work, *arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mlipcheck", *arguments],
        cwd=work,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
        **kwargs,
    )


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_run_as_ctrl_c_does(work, monkeypatch, name):
    monkeypatch.setenv("SIGNAL", name)
    # as a shell starts its jobs, whatever nohup the tests themselves run under
    done = typed(
        work,
        *RUN,
        *("-b", "told:Told", "--out", "report"),
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(getattr(signal, name), signal.SIG_DFL),
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.endswith("interrupted; the same command goes on from here\n")
    record = load_runs(work / "report")[0]
    assert record.interrupted
    assert [s.name for s in record.rows("dimers")] == ["Cu-Cu"]
    assert list((work / "report" / "unfinished").iterdir())


def test_nohup_stands(work, monkeypatch):
    monkeypatch.setenv("SIGNAL", "SIGHUP")
    done = typed(
        work,
        *("dimer", "Ag", "-b", "told:Told", "--reference", "none"),
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("options", [(), ("--json", "-"), ("--markdown",)])
def test_nobody_reads_a_run(work, options):
    """As ``mlipcheck run | head`` has it."""
    read, write = os.pipe()
    os.close(read)
    done = typed(work, *RUN, "-b", "told:Told", *options, stdout=write)
    os.close(write)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
    assert [p for p in (work / "cache").rglob("*") if p.is_file()] == []


def test_nobody_reads_a_listing_nor_its_errors(work):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "mlipcheck", "backends"],
        cwd=work,
        stdout=write,
        stderr=write,
        timeout=300,
        check=False,
    )
    os.close(write)
    assert done.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(work):
    with open("/dev/full", "w") as full:
        done = typed(work, "backends", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "mlipcheck: [Errno 28] No space left on device\n"


def test_a_cache_that_cannot_be_written_costs_the_resumption_alone(run_cli, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("")  # a file where the folder is to be, root or not
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    status, out, err = run_cli("run", "--quick")
    assert status == 0
    assert "What it may be used for" in out
    assert err.count(f"nothing is kept in {cache_folder() / 'unfinished'}") == 1
    assert "the run goes on" in err


def test_a_full_disk_costs_what_is_kept_alone(tmp_path, monkeypatch, capsys):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlipcheck.checkup.store.write_atomically", full)
    monkeypatch.setattr("mlipcheck.checks.kept.write_atomically", full)
    store = PartStore(tmp_path, "model")
    assert store.keep(tuple[float, ...], "part", lambda: (1.0, 2.0)) == (1.0, 2.0)
    assert store.keep(tuple[float, ...], "other", lambda: (3.0,)) == (3.0,)
    assert not store.kept
    write_kept(tmp_path / "fit.json", {"errors": {"forces": 0.1}}, [])
    told = capsys.readouterr().err
    assert told == f"nothing is kept in {tmp_path}: No space left on device; the run goes on\n"
    store.clear()


def test_other_mistakes_of_a_store_are_not_swallowed(tmp_path):
    with pytest.raises(TypeError), storage.report_loss(tmp_path):
        raise TypeError("no OSError")
