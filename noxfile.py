"""Test sessions: `nox -s tests`, `nox -s lint`, and one for each backend's own environment."""

from __future__ import annotations

import nox

# pip rather than uv: a pip constraint is how a machine says which torch it can take.
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """Everything that a bare install can do."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
@nox.parametrize("extra", [nox.param("chgnet", id="chgnet")])
def backend(session: nox.Session, extra: str) -> None:
    """Everything again, with one real model installed."""
    session.install(f".[{extra},test]")
    session.run("python", "-c", f"import {extra}")  # skipped tests must not pass for run ones
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types."""
    session.install(".", "ruff", "mypy")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
