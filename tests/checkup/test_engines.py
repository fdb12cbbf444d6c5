"""The same report by workers of Dask, Parsl, executorlib, MPI; `nox -s engines` installs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from worker_runs import DEADLY, METALS, RELAX, SHORT, parallel, same, serial

from mlipcheck.results_file import load_runs
from mlipcheck.storage import dumps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # theirs, of sockets and threads
]


@pytest.fixture
def dask():
    """Return an executor of a real cluster: a scheduler and two worker processes."""
    distributed = pytest.importorskip("distributed")
    how = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**how) as cluster, distributed.Client(cluster) as client:
        yield client.get_executor()


@pytest.fixture
def parsl(tmp_path):
    engine = pytest.importorskip("parsl")
    from parsl.concurrent import ParslPoolExecutor

    workers = engine.HighThroughputExecutor(max_workers_per_node=2, address="127.0.0.1")
    config = engine.Config(executors=[workers], run_dir=str(tmp_path), usage_tracking=0)
    with ParslPoolExecutor(config) as executor:
        yield executor


@pytest.fixture
def executorlib():
    engine = pytest.importorskip("executorlib")
    with engine.SingleNodeExecutor(max_workers=2) as executor:
        yield executor


@pytest.mark.parametrize("engine", ["dask", "parsl", "executorlib"])
def test_the_report_is_that_of_a_serial_run(engine, request):
    executor = request.getfixturevalue(engine)
    found, _ = parallel("ase:emt", METALS, RELAX, executor)
    assert same(found, serial("ase:emt", METALS, RELAX))


def test_a_worker_of_dask_that_is_killed_costs_nothing(tmp_path, monkeypatch, request):
    marker = tmp_path / "once"
    monkeypatch.setenv("ONCE", str(marker))
    executor = request.getfixturevalue("dask")  # whose workers have that variable
    found, _ = parallel("deadly:KillsWorker", METALS, RELAX, executor, marker=marker)
    assert not marker.exists()
    assert same(found, serial("deadly:KillsWorker", METALS, RELAX))


MPI = """
from mpi4py.futures import MPIPoolExecutor as ranks
"""


def test_ranks_of_mpi_do_it_on_the_command_line(tmp_path):
    pytest.importorskip("mpi4py")
    if shutil.which("mpiexec") is None:
        pytest.skip("there is no mpiexec")
    (tmp_path / "mine.py").write_text(MPI)
    start = ("mpiexec", "-n", "3", sys.executable, "-m", "mpi4py.futures", "-m", "mlipcheck")
    command = ("relax", *METALS, "-b", "ase:emt", "--executor", "mine:ranks", "--timeout", "300")
    place = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*start, *command, "--json", "run.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": place},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (run,) = load_runs(tmp_path / "run.json")
    assert run.workers is None
    assert dumps(run.checks) == dumps(serial("ase:emt", METALS, RELAX).checks)


def test_dask_has_a_row_for_what_kills_hangs_and_exits(dask):
    run, _ = parallel("deadly:Deadly", METALS + DEADLY, RELAX, dask, SHORT)
    failed = {row.name: row.error for row in run.rows("relaxation") if row.error}
    assert failed == {
        "Au": "not finished in 15 s",
        "Pd": "the process exited with status 3",
        "Pt": "the process was ended by SIGSEGV",
    }
    sound = serial("ase:emt", METALS, RELAX).rows("relaxation")
    assert dumps([r for r in run.rows("relaxation") if not r.error]) == dumps(sound)
