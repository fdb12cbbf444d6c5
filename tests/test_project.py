"""Files that other tools read: the citation, the workflow."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra phonons")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# of the Citation File Format 1.2.0
KEYS = {
    *("abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi"),
    *("identifiers", "keywords", "license", "license-url", "message", "preferred-citation"),
    *("references", "repository", "repository-artifact", "repository-code", "title", "type"),
    *("url", "version"),
}


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert set(citation) <= KEYS
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # which it requires
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["title"] == PROJECT["name"]
    for work in citation["references"]:
        assert re.fullmatch(r"10\.\d{4,9}/\S+", work["doi"])
        assert {"type", "title", "authors"} <= set(work)


def test_the_workflow_runs_every_session():
    noxfile = (ROOT / "noxfile.py").read_text()
    functions = (n for n in ast.parse(noxfile).body if isinstance(n, ast.FunctionDef))
    sessions = {n.name for n in functions if n.decorator_list}
    backends = {f"backend({name})" for name in re.findall(r'id="(\w+)"', noxfile)}
    assert len(backends) == 4
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
    matrix = workflow["jobs"]["nox"]["strategy"]["matrix"]
    run = {*matrix["session"], *(job["session"] for job in matrix["include"])}
    # a browser is not everywhere
    assert run == (sessions - {"backend", "browser"}) | backends
    supported = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: 3." in c}
    assert set(matrix["python"]) == supported
    (mattersim,) = [j for j in matrix["include"] if "mattersim" in j["session"]]
    assert mattersim["python"] == "3.12"
