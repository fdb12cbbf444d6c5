"""Tasks done by workers: the same report, whatever becomes of a worker."""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import deadly
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import CalculationFailed, CalculatorSetupError, InputError
from ase.calculators.emt import EMT
from ase.io import write
from worker_runs import DEADLY, LONG, METALS, RELAX, SHORT, parallel, same, serial

from mlipcheck import get_calculator, run_checks
from mlipcheck.checkup.plan import plan_checkup
from mlipcheck.checkup.processes import Host, TaskTimeoutError, WorkerLostError, call_apart
from mlipcheck.checkup.run import run_checkup
from mlipcheck.checkup.store import make_store
from mlipcheck.checkup.workers import FAILED_ROWS, check_workers, open_stand_in
from mlipcheck.report.folder import write_report
from mlipcheck.results_file import load_runs
from mlipcheck.storage import dumps
from mlipcheck.system import Settings

pytestmark = pytest.mark.slow


# --- the same report ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "what", "settings"),
    [
        ("toy", [], Settings()),
        ("ase:emt", ["Cu", "Au"], Settings(quick=True, reference=("none",))),
    ],
)
def test_the_report_is_that_of_a_serial_run(tmp_path, spec, what, settings):
    one = serial(spec, what, settings)
    two, _ = parallel(spec, what, settings)
    assert (one.workers, two.workers) == (1, 2)
    write_report(tmp_path / "1", [one])
    write_report(tmp_path / "2", [two])
    first, second = (tmp_path / name / "results.json" for name in "12")
    assert first.read_text() == second.read_text().replace('"workers": 2', '"workers": 1')
    assert (tmp_path / "1/report.html").read_bytes() == (tmp_path / "2/report.html").read_bytes()


def test_single_precision_stays_what_it_is_here(tmp_path):
    """Sums of what is kept and read again are others than sums of float32."""
    images = []
    for seed in range(30):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        atoms.get_forces()
        images.append(atoms)
    write(tmp_path / "frames.xyz", images)
    given = [str(tmp_path / "frames.xyz")], Settings(only=("parity", "agreement"), rescale=True)
    assert same(parallel("deadly:Single", *given)[0], serial("deadly:Single", *given))


def test_a_plan_is_timed_where_the_model_is_warm():
    """The second look is in the process of the first: another one would be as cold."""
    with open_stand_in({"spec": "deadly:Cold"}, 2) as calculator:
        (job,) = plan_checkup(calculator, METALS, RELAX).jobs
    evaluations = sum(task.evaluations for task in job.tasks)
    assert 0 < job.seconds < evaluations * deadly.COLD / 2


@pytest.mark.parametrize("own", [True, False])
def test_any_executor_does(own):
    """Of threads and of processes; the calculator may be loaded here, too."""
    expected = serial("ase:emt", METALS, RELAX)
    calculator = get_calculator("ase:emt")
    plan = plan_checkup(calculator, METALS, RELAX)
    kind = ThreadPoolExecutor(2) if own else ProcessPoolExecutor(2, get_context("spawn"))
    with kind as executor:
        found = run_checkup(calculator, plan, executor=executor, timeout=LONG)
    assert found.workers is None
    assert same(found, expected)


def test_resumed_serial_and_parallel(tmp_path, monkeypatch):
    """What one keeps the other takes, both ways."""
    expected = serial("ase:emt", METALS, RELAX)
    first, store = parallel("ase:emt", METALS, RELAX, folder=tmp_path)
    assert same(first, expected)
    assert store.used == 0

    def never(*args, **kwargs):
        raise AssertionError("it was computed again")

    calculator = get_calculator("ase:emt")
    plan = plan_checkup(calculator, METALS, RELAX)
    store = make_store(calculator, tmp_path, plan.system)
    with monkeypatch.context() as patch:
        patch.setattr("mlipcheck.checks.relaxation.check.relax_structure", never)
        assert same(run_checkup(calculator, plan, store=store), expected)
    assert store.used == len(METALS)
    kept = sorted(tmp_path.iterdir())
    kept[0].unlink()  # one that is not there is computed, and kept
    again, store = parallel("ase:emt", METALS, RELAX, folder=tmp_path)
    assert same(again, expected)
    assert store.used == len(METALS) - 1
    assert sorted(tmp_path.iterdir()) == kept


# --- workers that die or hang ------------------------------------------------------------------


@pytest.mark.parametrize("own", [True, False])
def test_a_calculator_that_kills_hangs_and_exits_costs_three_rows(own):
    expected = {r.name: r for r in serial("ase:emt", METALS, RELAX).rows("relaxation")}
    with ThreadPoolExecutor(2) as threads:
        run, _ = parallel("deadly:Deadly", METALS + DEADLY, RELAX, 2 if own else threads, SHORT)
    rows = {r.name: r for r in run.rows("relaxation")}
    assert rows.keys() == {*METALS, *DEADLY}
    failed = {name: row.error for name, row in rows.items() if row.error}
    assert failed == {
        "Au": "not finished in 15 s",
        "Pd": "the process exited with status 3",
        "Pt": "the process was ended by SIGSEGV",
    }
    assert run.not_run == {}
    assert not run.interrupted
    # a crash is the calculator's fault, but a timeout is the user's
    status = {x: f.status for f in run.findings if f.quantity == "convergence" for x in f.subjects}
    assert status == {
        **dict.fromkeys(METALS, "ok"),
        "Au": "not assessed",
        "Pd": "fail",
        "Pt": "fail",
    }
    assert run.unfinished == {"relaxation": ("Au",)}
    for name, row in expected.items():
        assert dumps(rows[name]) == dumps(row)


def test_a_timeout_is_the_time_of_the_model_alone(monkeypatch):
    """The rows of what hangs are made however short it is: on a busy machine they take longer."""
    given = []
    call = Host.call

    def noted(host, timeout, function, *what):
        if what and getattr(what[0], "lost", None):
            given.append(timeout)
        return call(host, timeout, function, *what)

    monkeypatch.setattr(Host, "call", noted)
    run, _ = parallel("deadly:Deadly", ["Au"], RELAX, 2, 0.001)
    assert [r.name for r in run.rows("relaxation")] == ["Au"]
    assert run.notes == ()
    assert given == [FAILED_ROWS]


def test_what_is_killed_once_is_done_again(tmp_path, monkeypatch):
    marker = tmp_path / "once"
    monkeypatch.setenv("ONCE", str(marker))
    expected = serial("deadly:Once", METALS, RELAX)
    found, _ = parallel("deadly:Once", METALS, RELAX, marker=marker)
    assert not marker.exists()
    assert same(found, expected)


ALL_TRIES = Settings(quick=True, reference=("none",))


def test_every_check_makes_a_row_of_a_lost_worker():
    """The executor takes nothing, so that each task is given up."""

    class Broken(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            raise RuntimeError("no node is left")

    with Broken(1) as executor:
        run, _ = parallel("ase:emt", ["Cu"], ALL_TRIES, executor)
    expected = serial("ase:emt", ["Cu"], ALL_TRIES)
    assert run.checks.keys() == expected.checks.keys()
    for name, rows in run.checks.items():
        assert rows, name
        assert all("no node is left" in row.error for row in rows), name
    assert "yes" not in {a.answer for a in run.uses}


def test_a_call_that_dies_hangs_or_raises_and_then_the_next():
    host = Host()
    try:
        with pytest.raises(WorkerLostError, match="the process exited with status 7"):
            host.call(None, os._exit, 7)
        with pytest.raises(TaskTimeoutError, match=r"not finished in 0\.5 s"):
            host.call(0.5, signal.pause)
        with pytest.raises(CalculationFailed, match=r"ValueError: .*factorial"):
            host.call(LONG, math.factorial, -1)
        first = host.call(LONG, os.getpid)
        assert host.call(math.inf, os.getpid) == first != os.getpid()
        host.end(close=False)
        assert host.call(LONG, os.getpid) != first
    finally:
        host.end()
    with pytest.raises(WorkerLostError, match="ended"):
        host.call(None, os.getpid)


def test_an_answer_at_the_last_moment_leaves_its_process_alone(monkeypatch):
    """The thread that watches the time may have woken when it is told to sleep on."""

    class Woken(threading.Timer):
        def cancel(self):
            super().cancel()
            self.function()

    monkeypatch.setattr(threading, "Timer", Woken)
    host = Host()
    try:
        assert host.call(LONG, os.getpid) == host.call(LONG, os.getpid)
    finally:
        host.end()


def test_the_start_of_a_process_does_not_count(monkeypatch):
    """Nor that of the process which makes the rows of what is lost."""
    starts = []
    call = Host.call

    def noted(host, timeout, *what):
        if getattr(host._mine, "process", None) not in host._running:
            starts.append(timeout)
        return call(host, timeout, *what)

    monkeypatch.setattr(Host, "call", noted)
    run, _ = parallel("deadly:Deadly", ["Ag", "Pt"], RELAX, 2, LONG)
    assert [r.name for r in run.rows("relaxation") if r.error] == ["Pt"]
    assert len(starts) >= 3
    assert set(starts) == {None}


def test_what_a_worker_cannot_read_does_not_shift_its_answers(monkeypatch):
    """As of a class of somebody's script, with much after it in the same call."""
    monkeypatch.setitem(sys.modules, "only_here", deadly)
    monkeypatch.setattr(deadly.Deadly, "__module__", "only_here")
    host = Host()
    try:
        for _ in range(2):
            with pytest.raises(CalculationFailed, match="No module named 'only_here'"):
                host.call(LONG, len, [deadly.Deadly, *(np.arange(20_000.0) + k for k in range(8))])
            assert [host.call(LONG, len, range(k)) for k in range(3)] == [0, 1, 2]
    finally:
        host.end()


def test_processes_end_with_the_threads_that_asked(monkeypatch):
    """Even where the thread that watches the time is slow to end."""
    done = threading.Event()

    class Slow(threading.Timer):
        def run(self):
            super().run()
            done.wait(LONG)

    monkeypatch.setattr(threading, "Timer", Slow)
    with ThreadPoolExecutor(1) as threads:
        pid = threads.submit(call_apart, LONG, os.getpid).result()
        assert threads.submit(call_apart, LONG, os.getpid).result() == pid  # it is kept meanwhile
    try:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        done.set()


COMMAND = ("relax", *METALS, "-b", "deadly:Told", "--workers", "2", "--out", "report")


def test_ctrl_c_leaves_no_process_and_goes_on(tmp_path):
    helpers = os.path.dirname(deadly.__file__)
    place = os.pathsep.join([helpers, os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "TOLD": str(tmp_path / "told"), "PYTHONPATH": place}

    def typed():
        return subprocess.run(
            [sys.executable, "-m", "mlipcheck", *COMMAND],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            # as a shell starts it, whatever the tests themselves run under
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    (tmp_path / "told").touch()
    done = typed()  # its pipes are closed: no process is left that has them
    assert done.returncode == 130, done.stderr
    (tmp_path / "told").unlink()
    done = typed()
    assert done.returncode == 0, done.stderr
    (run,) = load_runs(tmp_path / "report")
    assert not run.interrupted
    assert dumps(run.rows("relaxation")) == dumps(
        serial("ase:emt", METALS, RELAX).rows("relaxation")
    )


def test_what_workers_cannot_read_is_not_run(monkeypatch):
    """As a constraint of a class of the user's script; other checks have their rows."""
    monkeypatch.setitem(sys.modules, "only_here", deadly)
    monkeypatch.setattr(deadly.Deadly, "__module__", "only_here")
    atoms = bulk("Cu")
    atoms.info["made by"] = deadly.Deadly
    only = {"only": "contacts", "quick": True, "reference": "none"}
    (run,) = run_checks("ase:emt", atoms, executor=2, **only).runs
    assert len(run.rows("dimers")) == 1
    assert "No module named 'only_here'" in run.not_run["contacts"]
    assert ["only_here" in note for note in run.notes].count(True) == 1


# --- mistakes ----------------------------------------------------------------------------------


def test_mistakes_are_one_line():
    with pytest.raises(InputError, match=r"EMT is an object.*'package\.module:factory'"):
        run_checkup(EMT(), plan_checkup(EMT(), ["Cu"], RELAX), executor=2)
    changed = get_calculator("ase:emt")
    changed.set(asap_cutoff=True)
    with pytest.raises(InputError, match="ase:emt was changed here, and a worker loads its own"):
        run_checkup(changed, plan_checkup(changed, ["Cu"], RELAX), executor=1)
    for executor, timeout in ((0, None), (2, 0.0), (2, -1.0), (None, 60.0)):
        with pytest.raises(InputError, match="; give"):
            check_workers(executor, timeout)
    with (
        pytest.raises(CalculatorSetupError, match=r"^no backend is called 'nosuch'"),
        open_stand_in({"spec": "nosuch"}, 1),
    ):
        pass
    with (
        pytest.raises(InputError, match="options that workers cannot be sent"),
        open_stand_in({"spec": "toy", "weights": lambda: 0}, 1),
    ):
        pass


def test_every_task_is_plain_data():
    """Of every check that the demonstration and a metal have."""
    for spec, what in (("toy", []), ("ase:emt", ["Cu"])):
        for job in plan_checkup(get_calculator(spec), what, Settings(quick=True)).jobs:
            for task in job.tasks:
                assert pickle.loads(pickle.dumps(task)).name == task.name
            assert sum(job.each) == pytest.approx(job.seconds)
