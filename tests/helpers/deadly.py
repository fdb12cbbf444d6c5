"""Calculators that end their process, never answer, or compute in single precision."""

from __future__ import annotations

import os
import signal
import time

from ase.calculators.emt import EMT

COLD = 0.2  # s


class Deadly(EMT):
    """EMT that segfaults on platinum, hangs on gold, and exits on palladium."""

    def calculate(self, atoms=None, *args, **kwargs):
        symbols = set(atoms.symbols)
        if "Pt" in symbols:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "Au" in symbols:
            while True:
                signal.pause()
        if "Pd" in symbols:
            os._exit(3)
        super().calculate(atoms, *args, **kwargs)


class Once(EMT):
    """EMT whose process is killed once, in the middle of nickel, where a file lies."""

    victim = staticmethod(os.getpid)

    def calculate(self, atoms=None, *args, **kwargs):
        super().calculate(atoms, *args, **kwargs)
        marker = os.environ["ONCE"]
        if set(atoms.symbols) == {"Ni"} and os.path.exists(marker):
            os.unlink(marker)
            os.kill(self.victim(), signal.SIGKILL)


class KillsWorker(Once):
    """The same, but it is the worker that started its process which is killed."""

    victim = staticmethod(os.getppid)


class Told(EMT):
    """EMT that sends its parent Ctrl-C in the middle of nickel, and then never answers."""

    def calculate(self, atoms=None, *args, **kwargs):
        if set(atoms.symbols) == {"Ni"} and os.path.exists(os.environ["TOLD"]):
            os.kill(os.getppid(), signal.SIGINT)
            while True:
                signal.pause()
        super().calculate(atoms, *args, **kwargs)


class Cold(EMT):
    """EMT whose first evaluation in a process takes much longer, as that of what compiles."""

    warm = False

    def calculate(self, *args, **kwargs):
        start = time.perf_counter()
        super().calculate(*args, **kwargs)
        while not Cold.warm and time.perf_counter() < start + COLD:
            pass
        Cold.warm = True


class Single(EMT):
    """EMT with forces in single precision."""

    def calculate(self, atoms=None, *args, **kwargs):
        super().calculate(atoms, *args, **kwargs)
        self.results["forces"] = self.results["forces"].astype("float32")
