"""What the process does when it is asked to end, and when nobody reads what it writes."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from typing import Any


def prepare() -> None:
    """End on SIGTERM and SIGHUP as on Ctrl-C, and go on where the reader has left, as head does."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):  # there is no SIGHUP on Windows
            number = getattr(signal, name, None)
            # nohup has it ignored, and that stands
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, signal.default_int_handler)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _unread_allowed(stream))


class _Unread(io.FileIO):
    """A file descriptor that takes, and drops, what it is given after its reader has left."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # what else writes there may go on too
            os.close(nowhere)
            if not isinstance(error, BrokenPipeError):
                raise
            return len(data)


def _unread_allowed(stream: Any) -> Any:
    stream.flush()
    buffer = io.BufferedWriter(_Unread(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(
        buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=stream.line_buffering
    )
