"""What others read imports public modules only: notebooks, benchmarks, README, docs, examples."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from documents import DOCUMENTS, ROOT, blocks

import mlipcheck
import mlipcheck.extend

PUBLIC = {"mlipcheck", "mlipcheck.extend", "mlipcheck.testing"}
NAMES = {*mlipcheck.__all__, "extend", "testing", "__version__"}


def internals(code: str) -> list[str]:
    """Return what a script takes from mlipcheck and is not public."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name not in PUBLIC]
        elif isinstance(node, ast.ImportFrom) and node.module not in PUBLIC:
            found.append(node.module or ".")
        elif isinstance(node, ast.ImportFrom) and node.module == "mlipcheck":
            found += [f"mlipcheck.{a.name}" for a in node.names if a.name not in NAMES]
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "mlipcheck":
            found += [f"mlipcheck.{node.attr}"] if node.attr not in NAMES else []
    return [name for name in found if name.partition(".")[0] == "mlipcheck"]


def code_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [text]
    if path.suffix == ".md":
        return blocks(text, "python")
    cells = [c["source"] for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    source = ["".join(cell) for cell in cells]
    # IPython's own lines are no Python
    return [re.sub(r"^(\s*)[%!].*$", r"\1pass", cell, flags=re.MULTILINE) for cell in source]


def taken(paths) -> dict[str, list[str]]:
    paths = list(paths)
    assert paths
    found = {
        path.relative_to(ROOT).as_posix(): [x for code in code_of(path) for x in internals(code)]
        for path in paths
    }
    return {path: names for path, names in found.items() if names}


@pytest.mark.parametrize(
    "code",
    [
        "import mlipcheck.storage",
        "from mlipcheck.storage import dumps",
        "def f():\n    from mlipcheck.checks.dimers import scan",
        "from mlipcheck import storage",
        "import mlipcheck\nmlipcheck.storage.dumps({})",
    ],
)
def test_an_internal_module_is_found(code):
    assert any("mlipcheck." in name for name in internals(code))
    assert internals("import numpy\nfrom ase import Atoms\nimport mlipcheck") == []
    listed = "1. text\n\n   ```python\n   x = 1\n   ```\n\n"
    assert blocks(f"{listed}```python\n{code}\n```", "python") == ["x = 1\n", f"{code}\n"]


def test_documents_use_what_is_public():
    assert taken(DOCUMENTS) == {}


def test_examples_use_what_is_public():
    assert taken((ROOT / "tests" / "helpers").glob("example_*/**/*.py")) == {}


def test_benchmarks_use_what_is_public():
    assert taken(ROOT.glob("benchmarks/*.py")) == {}


def test_notebooks_use_what_is_public():
    assert taken(ROOT.glob("notebooks/*.ipynb")) == {}


def test_every_public_name_is_there():
    for module in (mlipcheck, mlipcheck.extend):
        assert all(getattr(module, name) is not None for name in module.__all__)
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            _ = module.nothing
