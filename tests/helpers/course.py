"""The course notebook: its cells, and what they print when they are executed."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from mlipcheck import evaluate

PATH = Path(__file__).parents[2] / "notebooks" / "pretrained_models.ipynb"
BOOK = json.loads(PATH.read_text(encoding="utf-8"))
CELLS = {cell["id"]: cell for cell in BOOK["cells"]}
SOURCES = {name: "".join(cell["source"]) for name, cell in CELLS.items()}
TEXTS = {name: s for name, s in SOURCES.items() if CELLS[name]["cell_type"] == "markdown"}
# what plain Python can run: without the line that tells Jupyter to draw inline
CODE = {
    name: re.sub(r"^%.*\n", "", s, flags=re.MULTILINE)
    for name, s in SOURCES.items()
    if name not in TEXTS
}
RULE = "\n\n---\n\n"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
REAL = ("chgnet", "mattersim")

RUN = """
import sys
import nbclient
import nbformat
import psutil
from traitlets.config import Config

source, target = sys.argv[1:]
book = nbformat.read(source, as_version=4)
# files in this folder, where ports are chosen before they are taken, by anybody
files = Config({"AsyncKernelManager": {"transport": "ipc", "ip": "kernel"}})
client = nbclient.NotebookClient(book, kernel_name="here", config=files)
client.timeout = client.startup_timeout = 600


def worked():
    times = psutil.Process(client.km.provisioner.pid).cpu_times()
    return times.user + times.system


def start(cell, cell_index):
    cell.metadata["seconds"] = -worked()


def end(cell, cell_index, execute_reply):
    cell.metadata["seconds"] += worked()


client.on_cell_execute, client.on_cell_executed = start, end
client.execute()
nbformat.write(book, target)
"""


def read_tuple(cell, name):
    """Return the tuple of numbers that a cell assigns to a name."""
    return ast.literal_eval(re.search(rf"^{name} = (\(.*?\))", CODE[cell], re.MULTILINE)[1])


def errors_at(distances, model, truth):
    dimers = [Atoms("N2", positions=[[0, 0, 0], [r, 0, 0]]) for r in distances]
    return np.subtract(*([e.energy for e in evaluate(c, dimers)] for c in (model, truth)))


def add_colab(folder):
    """Put an empty module google.colab into a folder, and return the folder."""
    (folder / "google" / "colab").mkdir(parents=True)
    for name in ("google", "google/colab"):
        (folder / name / "__init__.py").touch()
    return folder


def execute(folder, **environment):
    """Return the cells after a run in a kernel of this interpreter, in a folder of its own."""
    for module in ("ipykernel", "nbclient"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install '.[test]'")
    kernel = folder / "kernels" / "here" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "here", "language": "python"}))
    places = ("JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    environment |= dict.fromkeys((*places, "IPYTHONDIR"), str(folder))
    # nobody listens there: what would be downloaded is refused at once
    environment |= dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    target = folder / "executed.ipynb"
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(PATH), str(target)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {cell["id"]: cell for cell in json.loads(target.read_text(encoding="utf-8"))["cells"]}


def printed(cells, name):
    streams = [output for output in cells[name]["outputs"] if output.get("name") == "stdout"]
    return "".join("".join(output["text"]) for output in streams)
