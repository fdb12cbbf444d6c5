"""Checkpoints of every adapter: files, downloads, mistakes, and what loading leaves behind."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
from decimal import Decimal

import pytest
from ase.calculators.calculator import CalculatorSetupError, InputError
from structures import copper

from mlipcheck import evaluate, get_calculator
from mlipcheck.calculators.backends import get_backend

# Backend -> a checkpoint that is a download, and the function of the package that fetches it.
DOWNLOADS = {
    "sevennet": ("7net-omat", "pretrained_name_to_path"),
    "mace": ("small", "download_mace_mp_checkpoint"),
    "mattersim": ("1M", "download_checkpoint"),
}


@pytest.fixture(params=DOWNLOADS)
def backend(request):
    return request.param


@pytest.fixture
def saved(backend, request):
    """A file that is a checkpoint of the backend; the test is skipped without its package."""
    if backend == "sevennet":
        return request.getfixturevalue("sevennet").checkpoint_path
    return request.getfixturevalue(f"{backend}_file")


@pytest.fixture
def download(backend, saved, tmp_path, monkeypatch):
    """Return how to replace the download, in an empty home: ``download(fetch) -> (spec, path)``."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    checkpoint, function = DOWNLOADS[backend]
    row = get_backend(backend).checkpoint(checkpoint)
    if row.found:
        pytest.skip(f"{checkpoint} has been downloaded already: {row.path}")
    assert row.path.is_relative_to(tmp_path)

    def replace(fetch):
        def fetched(*args, **kwargs):
            row.path.parent.mkdir(parents=True, exist_ok=True)
            fetch(row.path)

        monkeypatch.setattr(f"mlipcheck.calculators.{backend}.{function}", fetched)
        return f"{backend}:{checkpoint}", row.path

    return replace


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Files


def test_a_file_is_a_checkpoint(backend, saved, tmp_path):
    path = tmp_path / "my weights.pth"
    path.write_bytes(saved.read_bytes())
    calculator = get_calculator(f"{backend}:{path}", device="cpu")
    info = calculator.mlipcheck_info
    assert (info.backend, info.checkpoint, info.options) == (backend, str(path), {})
    assert info.checkpoint_sha256 == sha256(saved)
    assert (info.level_of_theory, info.energy_convention) == (None, None)
    original = get_calculator(f"{backend}:{saved}", device="cpu")
    (ours,), (theirs,) = (evaluate(c, [copper()]) for c in (calculator, original))
    assert ours.energy == theirs.energy


@pytest.mark.parametrize(
    "content", [b"", b"not a model\n", b"these are weights\n", b"PK\x03\x04 cut off", b"\x80\x02}."]
)
def test_another_file_is_no_checkpoint(backend, saved, tmp_path, content):
    path = tmp_path / "garbage.pth"
    path.write_bytes(content)
    check_refused(backend, path)


@pytest.mark.parametrize("content", ["numbers", "nothing", "another class"])
def test_the_weights_of_something_else_are_no_checkpoint(backend, saved, tmp_path, content):
    import torch

    others = {
        "numbers": {"epoch": 3, "weights": torch.zeros(3)},
        "nothing": None,
        "another class": {"model": Decimal(1)},  # torch's own loader explains this at length
    }
    path = tmp_path / "garbage.pth"
    torch.save(others[content], path)
    check_refused(backend, path)


def check_refused(backend, path):
    with pytest.raises(
        CalculatorSetupError, match=r"garbage\.pth is not a \w+ (checkpoint|model) \("
    ) as caught:
        get_calculator(f"{backend}:{path}", device="cpu")
    assert "\n" not in str(caught.value)


# Files that run something

PACKAGES = {"chgnet": "chgnet", "sevennet": "sevenn", "mattersim": "mattersim", "mace": "mace"}


class Running:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def as_torch_saves(content, path):
    import torch

    torch.save(content, path)


def as_torch_saved(content, path):
    import torch

    torch.save(content, path, _use_new_zipfile_serialization=False)


def as_a_pickle(content, path):
    path.write_bytes(pickle.dumps(content))


def with_an_archive_behind_it(content, path):
    """A pickle for who reads from the start, a harmless archive for who reads from the end."""
    import torch

    harmless = io.BytesIO()
    torch.save({}, harmless)
    path.write_bytes(pickle.dumps(content, protocol=2) + harmless.getvalue())


@pytest.mark.model
@pytest.mark.parametrize(
    "write", [as_torch_saves, as_torch_saved, as_a_pickle, with_an_archive_behind_it]
)
@pytest.mark.parametrize("name", PACKAGES)
def test_a_file_that_runs_something_is_refused_and_runs_nothing(name, write, tmp_path, monkeypatch):
    pytest.importorskip(PACKAGES[name])
    # some set this for packages that torch 2.6 has broken
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path, folder = tmp_path / "garbage.pth", tmp_path / "has run"
    write({"model": Running(folder), "config": Running(folder)}, path)
    check_refused(name, path)
    assert not folder.exists()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
    factor = tmp_path / "factor.json"
    content = {"schema": "mlipcheck-rescaled/1", "base": f"{name}:{path}", "options": {},
               "dtype": "float32", "checkpoint_sha256": sha256(path), "factor": 1.3,
               "reference_energy": {"Cu": -3.7}}  # fmt: skip
    factor.write_text(json.dumps(content))
    with pytest.raises(CalculatorSetupError, match=r"factor\.json: "):
        get_calculator(f"rescaled:{factor}", device="cpu")
    assert not folder.exists()


@pytest.mark.model
@pytest.mark.parametrize("name", ["chgnet", "sevennet"])
def test_what_a_file_would_run_is_named(name, tmp_path):
    pytest.importorskip(PACKAGES[name])
    path = tmp_path / "garbage.pth"
    as_torch_saves(Running(tmp_path / "has run"), path)
    message = r"it names (posix|nt)\.mkdir, which weights do not need; nothing of it was run\)$"
    with pytest.raises(CalculatorSetupError, match=message):
        get_calculator(f"{name}:{path}", device="cpu")


@pytest.mark.model
@pytest.mark.parametrize(("name", "checkpoint"), [("chgnet", "0.3.0"), ("sevennet", "7net-0")])
def test_a_name_goes_before_a_file_that_is_called_so(name, checkpoint, tmp_path, monkeypatch):
    pytest.importorskip(PACKAGES[name])
    monkeypatch.chdir(tmp_path)
    (tmp_path / checkpoint).write_bytes(b"not a model")
    calculator = get_calculator(f"{name}:{checkpoint}", device="cpu")
    assert calculator.checkpoint_path == get_backend(name).checkpoint(checkpoint).path


# Names and options, which need no package


def test_an_unknown_checkpoint_lists_the_known_ones(backend):
    with pytest.raises(InputError, match=r"no checkpoint 'nope'; known: .*, or the path") as caught:
        get_calculator(f"{backend}:nope")
    assert all(c.name in str(caught.value) for c in get_backend(backend).checkpoints)


@pytest.mark.parametrize("dtype", ["float16", "double"])
def test_a_dtype_that_is_not_offered_is_refused(backend, dtype):
    with pytest.raises(InputError, match=rf"dtype is '{dtype}'; {backend} computes in float32"):
        get_calculator(backend, dtype=dtype)


def test_a_misspelt_option_is_refused(backend, saved):
    with pytest.raises((InputError, CalculatorSetupError), match="modle") as caught:
        get_calculator(f"{backend}:{saved}", device="cpu", modle="PBE")
    assert "\n" not in str(caught.value)


# Downloads


def test_a_download_that_is_there_is_known_by_name(backend, saved, download):
    spec, path = download(lambda path: pytest.fail("nothing to fetch"))
    path.parent.mkdir(parents=True)
    path.write_bytes(saved.read_bytes())
    check_described(spec, saved)


def test_a_download_is_fetched(saved, download, capsys):
    spec, _ = download(lambda path: [print("fetching"), path.write_bytes(saved.read_bytes())])
    check_described(spec, saved)
    assert capsys.readouterr() == ("", "fetching\n")


def check_described(spec, saved):
    info = get_calculator(spec, device="cpu").mlipcheck_info
    backend, _, name = spec.partition(":")
    known = get_backend(backend).checkpoint(name)
    assert (info.spec, info.backend, info.checkpoint) == (spec, backend, name)
    assert info.checkpoint_sha256 == sha256(saved)
    assert info.level_of_theory == known.level_of_theory
    assert info.energy_convention == known.energy_convention == "raw"


@pytest.mark.parametrize("half", [True, False])
def test_without_a_network_one_line_says_which_file_goes_where(download, half):
    def fetch(path):
        if half:
            path.write_bytes(b"half a file")
        raise ConnectionError("Max retries exceeded\n" + 50 * "with url and so on, ")

    spec, path = download(fetch)
    with pytest.raises(CalculatorSetupError, match="could not be fetched") as caught:
        get_calculator(spec, device="cpu")
    message = str(caught.value)
    assert message.startswith(f"{path.name} is not in {path.parent} ")
    assert "ConnectionError: Max retries exceeded with url" in message
    assert "; get it from " in message
    assert "github.com/" in message
    assert message.endswith(" and put it there")
    assert "\n" not in message
    assert not path.exists()


def test_half_a_file_of_an_interrupted_download_is_removed(download):
    def fetch(path):
        path.write_bytes(b"half a file")
        raise KeyboardInterrupt

    spec, path = download(fetch)
    with pytest.raises(KeyboardInterrupt):
        get_calculator(spec, device="cpu")
    assert not path.exists()


# What loading leaves behind. In a process of its own, since a package is imported but once.

LOAD = """
import sys, warnings
import ase.build, scipy.spatial, torch, vesin
import mlipcheck.calculators.evaluate
before = list(warnings.filters), torch.get_default_dtype()
calculator = mlipcheck.get_calculator(sys.argv[1], device="cpu")
(found,) = mlipcheck.evaluate(calculator, [ase.build.bulk("Cu")], properties=["stress"])
after = list(warnings.filters), torch.get_default_dtype()
sys.exit(found.error or (None if before == after else "warning filters or dtype have changed"))
"""


def test_loading_prints_nothing_and_changes_no_global_setting(backend, saved):
    run = subprocess.run(
        [sys.executable, "-c", LOAD, f"{backend}:{saved}"], capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
