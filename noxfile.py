"""Test sessions: `nox -s tests`, `lint`, `docs`, and one for each backend's own environment."""

from __future__ import annotations

import shutil

import nox

# pip rather than uv: a pip constraint is how a machine says which torch it can take.
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["tests"]


def run_tests(session: nox.Session, *arguments: str) -> None:
    """Run pytest on up to four cores, one thread each; a file's tests share their fixtures."""
    spread = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile")  # each may load a model
    session.run("pytest", *spread, *arguments, env={"OMP_NUM_THREADS": "1"})


@nox.session
def tests(session: nox.Session) -> None:
    """Run everything that a bare install can do."""
    session.install(".[test,phonons]", "tests/helpers/example_backend")
    run_tests(session, *session.posargs)


@nox.session
@nox.parametrize(
    ("python", "extra", "module"),
    [
        nox.param(None, "chgnet", "chgnet", id="chgnet"),
        nox.param(None, "sevennet", "sevenn", id="sevennet"),
        nox.param(None, "mace", "mace", id="mace"),
        nox.param("3.12", "mattersim", "mattersim", id="mattersim"),
    ],
)
def backend(session: nox.Session, extra: str, module: str) -> None:
    """Run every test that needs a real model, with that of one package."""
    session.install(f".[{extra},phonons,test]")
    session.run("python", "-c", f"import {module}")  # skipped tests must not pass for run ones
    run_tests(session, "-m", "model", *session.posargs)


@nox.session
def engines(session: nox.Session) -> None:
    """Do check-ups by the workers of Dask, Parsl, executorlib and MPI."""
    session.install(".[test]", "distributed", "parsl", "executorlib", "mpi4py", "mpich")
    session.run("python", "-c", "import distributed, parsl, executorlib, mpi4py")
    session.run("pytest", "tests/checkup/test_engines.py", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Open reports in Chromium: nothing is asked for, nothing complained of, all to be seen."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        session.skip("there is no chromium with its chromedriver")
    session.install(".[test]", "selenium")
    session.run("pytest", "tests/report/test_browser.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/; a warning or a link to nowhere fails."""
    session.install(".[docs]")
    session.env["NO_MKDOCS_2_WARNING"] = "1"
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types."""
    session.install(".[test]", "ruff", "mypy")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
