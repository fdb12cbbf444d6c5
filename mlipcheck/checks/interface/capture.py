"""What a calculator prints, through Python or past it."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator

from .deviation import NotApplicable


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()


@contextlib.contextmanager
def captured() -> Iterator[list[str]]:
    """Yield a list that holds afterwards what Python and compiled code have written."""
    told = [""]
    text = io.StringIO()
    _flush()  # what was printed before is not the calculator's, and must not be lost
    try:
        made = tempfile.TemporaryFile()  # noqa: SIM115 - entered below
    except OSError as error:  # no fault of the calculator's
        raise NotApplicable(f"no temporary file can be made: {error.strerror}") from error
    with made as file:
        saved = {}
        try:
            for descriptor in (1, 2):
                saved[descriptor] = os.dup(descriptor)
                os.dup2(file.fileno(), descriptor)
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
                yield told
        finally:
            _flush()
            for descriptor, own in saved.items():
                os.dup2(own, descriptor)
                os.close(own)
            file.seek(0)
            told[0] = text.getvalue() + file.read().decode(errors="replace")
