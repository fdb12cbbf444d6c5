"""The command line, typed in a folder."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

import pytest

from mlipcheck import cli
from mlipcheck.references import datasets


def typed(folder: Path, *arguments: object, data: Path | None = None) -> tuple[int, str, str]:
    """Run the command line in this process and in a folder: (exit status, stdout, stderr)."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["mlipcheck", *map(str, arguments)])
        patch.setattr(sys, "path", list(sys.path))
        patch.delitem(sys.modules, "own", raising=False)
        patch.delenv(datasets.ENVIRONMENT_VARIABLE, raising=False)
        if data is not None:
            patch.setenv(datasets.ENVIRONMENT_VARIABLE, str(data))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
                status = 0
            except SystemExit as stop:
                status = int(stop.code or 0)
            finally:
                sys.modules.pop("own", None)
    return status, out.getvalue(), err.getvalue()
