"""Calls in Python processes of our own: one that dies or hangs takes nothing else along."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, cast

from ase.calculators.calculator import CalculationFailed

from ..calculators.base import FAILURES
from ..calculators.evaluate import describe_error

# With the path of whoever starts it, and without its __main__: a script would run again.
SERVE = f"import sys; sys.path[:] = sys.argv[1:]; from {__name__} import serve; serve()"
LOOK_UP = 1.0  # s between two looks whether the parent is there


class WorkerLostError(RuntimeError):
    """A process ended in the middle of a call."""


class TaskTimeoutError(RuntimeError):
    """A call took longer than it may, and its process was ended."""


class Host:
    """Processes that do what they are asked, one beside each thread that asks."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._running: weakref.WeakSet[_Process] = weakref.WeakSet()
        self._closed = False

    def call(self, timeout: float | None, function: Callable[..., Any], *args: Any) -> Any:
        """Return what a function returns in the process of this thread.

        Raises
        ------
        WorkerLostError, TaskTimeoutError
            Where the process died, or the call took more than ``timeout`` seconds.
        CalculationFailed
            With what the function raised.
        """
        with self._lock:
            process: _Process | None = getattr(self._mine, "process", None)
            if self._closed:
                raise WorkerLostError("the workers were ended")
            if process is None or process not in self._running:
                process = self._mine.process = _Process()
                self._running.add(process)
        try:
            value, error = process.call(timeout, function, args)
        except BaseException:  # Ctrl-C, too: its answer would be taken for the next call's
            with self._lock:  # `end` may be reading it
                self._running.discard(process)
            process.end()
            raise
        if error is not None:
            raise CalculationFailed(error)
        return value

    def end(self, *, close: bool = True) -> None:
        """End all processes, whatever they do; unless closed, later calls start new ones."""
        with self._lock:
            self._closed = close
            running, self._running = list(self._running), weakref.WeakSet()
        for process in running:
            process.end()


_host = Host()


def call_apart(timeout: float | None, function: Callable[..., Any], *args: Any) -> Any:
    """Do `Host.call` in a worker of somebody's executor, whose own process stays out of danger."""
    return _host.call(timeout, function, *args)


class _Process:
    """One process that answers one call after the other, with one thread; Ctrl-C is not for it.

    It ends with the thread that asks, as those of an executor do.
    """

    def __init__(self) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-c", SERVE, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"OMP_NUM_THREADS": "1", **os.environ},
            start_new_session=True,
        )
        self.end = weakref.finalize(self, _end, self._popen)

    def call(self, timeout: float | None, function: Callable[..., Any], args: Any) -> Any:
        # taken by the end of the call or by that of its time, whichever comes first
        over, popen = threading.Lock(), self._popen

        def stop() -> None:  # without self: its thread may outlive the one that asks
            if over.acquire(blocking=False):
                _kill(popen)

        watch = threading.Timer(min(timeout or 0, threading.TIMEOUT_MAX), stop)
        # bytes in bytes: a call that cannot be read there is read to its end all the same
        request = pickle.dumps(pickle.dumps((function, args)))
        try:
            if timeout is not None:
                watch.start()
            stdin, stdout = (cast(IO[bytes], x) for x in (popen.stdin, popen.stdout))
            stdin.write(request)
            stdin.flush()
            answer = pickle.load(stdout)
            if not over.acquire(blocking=False):
                raise EOFError("an answer of a process that is being killed")
            return answer
        except (EOFError, OSError, pickle.UnpicklingError) as lost:
            if over.acquire(blocking=False):
                raise WorkerLostError(f"the process {self._ending()}") from lost
            raise TaskTimeoutError(f"not finished in {timeout:g} s") from lost
        finally:
            watch.cancel()

    def _ending(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self._popen.wait(10)
            if code >= 0:
                return f"exited with status {code}"
            names = {s.value: s.name for s in signal.Signals}
            name = names.get(-code, f"signal {-code}")
            return f"was ended by {name}{' (out of memory?)' * (name == 'SIGKILL')}"
        return "closed its output"


def _end(popen: subprocess.Popen[bytes]) -> None:
    _kill(popen)
    popen.wait()
    for pipe in (popen.stdin, popen.stdout):
        with suppress(OSError):
            cast(IO[bytes], pipe).close()


def _kill(popen: subprocess.Popen[bytes]) -> None:
    """End a process, and what it has started."""
    if popen.poll() is None and hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
    popen.kill()


def serve() -> None:
    """Answer calls from stdin on stdout until there are no more; prints go to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    with suppress(EOFError, BrokenPipeError):
        while True:
            try:
                function, args = pickle.loads(pickle.load(sys.stdin.buffer))
                answer = pickle.dumps((function(*args), None))
            except EOFError:
                raise
            except FAILURES as error:
                answer = pickle.dumps((None, describe_error(error)))
            answers.write(answer)
            answers.flush()


def _end_with_parent(parent: int) -> None:
    """Leave no process behind a parent that was killed, whatever this one does."""
    while os.getppid() == parent:
        time.sleep(LOOK_UP)
    os._exit(1)
