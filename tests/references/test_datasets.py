"""Data sets by name: what is pinned, where copies are kept, what comes down, and the list."""

from __future__ import annotations

import gc
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from ase.calculators.calculator import InputError

from mlipcheck.references import datasets

NAMES = (
    "mptrj-random-1k",
    "random-TP",
    "wbm-equilibrium",
    "diatomics-pbe",
    "acwf-unaries",
    "kitchin-111",
    "metal-slabs",
    "angsten-vacancies",
)
CONTENTS = {"first.json": b"1" * 5000, "second.json": b"what the registry pins"}


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, and no folder named."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.delenv(datasets.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(datasets, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def named(monkeypatch, tmp_path, cache):
    """An empty folder that the environment names."""
    folder = tmp_path / "named"
    folder.mkdir()
    monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, str(folder))
    return folder


@pytest.fixture
def pin(monkeypatch):
    """Make a registry of one data set, `small`, of two files."""

    def set_up(address="https://example.invalid"):
        files = tuple(
            datasets.DataFile(
                name, f"{address}/at/{name}", hashlib.sha256(content).hexdigest(), len(content)
            )
            for name, content in CONTENTS.items()
        )
        row = datasets.Dataset("small", "two files", files, "PBE", "raw", "MIT", "somebody")
        monkeypatch.setattr(datasets, "DATASETS", (row,))

    set_up()
    return set_up


def put(folder, *names):
    """Write whole copies; all of them where none is named."""
    for name in names or CONTENTS:
        (folder / name).write_bytes(CONTENTS[name])
    return tuple(folder / name for name in names or CONTENTS)


# --- what is pinned ----------------------------------------------------------------------------


def test_the_registry_holds_what_is_documented():
    assert tuple(row.name for row in datasets.DATASETS) == NAMES
    kitchin = datasets.get_dataset("kitchin-111")
    assert [f.name for f in kitchin.files] == [
        "kitchin2014-energies.json",
        "kitchin2014-structures.json",
    ]
    distributions = {row.name: row.distribution for row in datasets.DATASETS if row.distribution}
    assert distributions == {"mptrj-random-1k": "in", "random-TP": "out"}
    without = {row.name for row in datasets.DATASETS if row.energy_convention is None}
    assert without == {"acwf-unaries", "kitchin-111", "angsten-vacancies"}
    assert {row.energy_convention for row in datasets.DATASETS} == {"raw", None}


def test_every_row_is_pinned():
    files = [f for row in datasets.DATASETS for f in row.files]
    assert len({f.name for f in files}) == len({f.sha256 for f in files}) == len(files) == 15
    for file in files:
        assert int(file.sha256, 16) >= 0
        assert len(file.sha256) == 64
        commit = file.url.removeprefix("https://raw.githubusercontent.com/").split("/")[2]
        assert int(commit, 16) >= 0  # a commit, not a branch
        assert len(commit) == 40
    for row in datasets.DATASETS:
        assert row.licence
        assert row.citation
        assert row.level_of_theory
        assert row.summary


def test_the_registry_agrees_with_the_manifest(data_dir):
    manifest = {row["file"]: row for row in json.loads((data_dir / "MANIFEST.json").read_text())}
    for row in datasets.DATASETS:
        for file in row.files:
            row_there = manifest[file.name]
            assert (file.url, file.sha256, file.bytes, row.licence) == (
                row_there["url"],
                row_there["sha256"],
                row_there["bytes"],
                row_there["licence"],
            )


@pytest.mark.parametrize("name", NAMES)
def test_the_data_at_hand_are_what_is_pinned(data_dir, monkeypatch, cache, name):
    monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, str(data_dir))
    expected = tuple(data_dir / file.name for file in datasets.get_dataset(name).files)
    assert datasets.find(name) == datasets.fetch(name) == expected


def test_an_unknown_name_lists_the_known_ones():
    for look in (datasets.find, datasets.fetch, datasets.get_dataset, datasets.list_copies):
        with pytest.raises(InputError, match="no data set is called 'dimers'; known: mptrj-") as e:
            look("dimers")
        assert all(name in str(e.value) for name in NAMES)


# --- where copies are kept ---------------------------------------------------------------------


def test_the_named_folder_stands_for_the_cache(monkeypatch, cache, named, pin):
    in_cache = put(cache)
    assert datasets.data_folder() == named
    assert datasets.find("small") is None
    in_named = put(named)
    assert datasets.find("small") == datasets.fetch("small") == in_named
    in_named[0].unlink()
    assert datasets.find("small") is None
    copies = datasets.list_copies("small")
    assert [(c.path, c.error) for c in copies] == [(None, None), (in_named[1], None)]
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv(datasets.ENVIRONMENT_VARIABLE)
        else:
            monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, unset)
        assert datasets.data_folder() == cache
        assert datasets.find("small") == datasets.fetch("small") == in_cache


DAMAGES = {
    "truncated": (CONTENTS["first.json"][:12], 12),
    "empty": (b"", 0),
    "longer": (CONTENTS["first.json"] + b"1", 5001),
    "flipped": (CONTENTS["first.json"][:-1] + b"2", 5000),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", ["cache", "named"])
def test_a_damaged_copy_is_refused(monkeypatch, cache, named, server, place, damage):
    content, size = DAMAGES[damage]
    if place == "cache":
        monkeypatch.delenv(datasets.ENVIRONMENT_VARIABLE)
    put(cache)
    path, second_path = put(cache if place == "cache" else named)
    path.write_bytes(content)
    for look in (datasets.find, datasets.fetch):
        with pytest.raises(InputError) as error:
            look("small")
        message = str(error.value)
        assert f"{path} has {size} of 5000 bytes, sha256 " in message
        assert f" {hashlib.sha256(content).hexdigest()[:12]}... for " in message
        assert message.endswith(f"replace it by {datasets.get_dataset('small').files[0].url}")
        assert "\n" not in message
    first, second = datasets.list_copies("small")
    assert (first.path, first.error) == (None, message)
    assert (second.path, second.error) == (second_path, None)
    assert path.read_bytes() == content  # and never replaced
    assert server.asked == []


def test_a_copy_that_may_not_be_read_is_refused(monkeypatch, cache, pin):
    put(cache)

    def checksum(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(datasets, "checksum", checksum)
    with pytest.raises(InputError, match=r"first\.json: Permission denied; let it be read"):
        datasets.find("small")


# --- what comes down ---------------------------------------------------------------------------


@pytest.fixture
def server(pin, monkeypatch):
    """Serve the pinned files from this machine; ``replies`` says what is sent instead, and how."""
    replies, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rsplit("/", 1)[1]
            asked.append(name)
            whole = (200, len(CONTENTS[name]), CONTENTS[name])
            status, length, content = replies.get(name, whole)
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    # one request after the other: none is still being answered when this ends
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        pin(f"http://127.0.0.1:{running.server_port}")
        yield SimpleNamespace(replies=replies, asked=asked)
        running.shutdown()
        thread.join()
    gc.collect()  # pooch leaves the socket of a download that failed to this


def test_what_is_missing_is_downloaded_once(cache, server, capfd):
    paths = (cache / "first.json", cache / "second.json")
    assert datasets.fetch("small") == datasets.fetch("small") == datasets.find("small") == paths
    assert server.asked == ["first.json", "second.json"]
    assert {p.name: p.read_bytes() for p in cache.iterdir()} == CONTENTS
    assert capfd.readouterr() == ("", "")  # there is no terminal, and pooch says nothing


def test_only_what_is_missing_is_downloaded(cache, named, server):
    (first,) = put(named, "first.json")
    assert datasets.fetch("small") == (first, named / "second.json")
    assert server.asked == ["second.json"]
    assert {p.name: p.read_bytes() for p in named.iterdir()} == CONTENTS
    assert list(cache.iterdir()) == []


def test_a_named_folder_that_is_none_is_made(monkeypatch, tmp_path, cache, server):
    monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, str(tmp_path / "gone"))
    assert datasets.find("small") is None
    assert not (tmp_path / "gone").exists()
    assert {p.parent for p in datasets.fetch("small")} == {tmp_path / "gone"}


BROKEN = {
    "cut off": ((200, 5000, b"1" * 3000), "Error); put second.json from http://127.0.0.1"),
    "another file": ((200, 3, b"abc"), "(what came has another sha256); put second.json from"),
    "gone": ((404, 0, b""), "(HTTPError); put second.json from http://127.0.0.1"),
}


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_download_that_fails_leaves_nothing_behind(cache, server, kind):
    server.replies["second.json"], words = BROKEN[kind]
    with pytest.raises(InputError) as error:
        datasets.fetch("small")
    assert str(error.value).startswith("small could not be downloaded (")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert [p.name for p in cache.iterdir()] == ["first.json"]  # whole, and no temporary file
    assert datasets.find("small") is None
    del server.replies["second.json"]
    assert datasets.fetch("small") == put(cache)


def test_an_interrupted_download_leaves_nothing_behind(monkeypatch, cache, pin):
    def downloader(url, output_file, pooch):
        Path(output_file).write_bytes(CONTENTS["first.json"][:100])
        assert [p.stat().st_size for p in cache.iterdir()] == [100]  # under way, in the cache
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: downloader)
    with pytest.raises(KeyboardInterrupt):
        datasets.fetch("small")
    assert list(cache.iterdir()) == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_download_is_reported_on_a_terminal_only(monkeypatch, cache, server, capfd, stream):
    for variable in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    screen = stream()
    monkeypatch.setattr(sys, "stderr", screen)
    datasets.fetch("small")
    if stream is Terminal:
        assert "downloading small" in screen.getvalue()
    else:
        assert screen.getvalue() == ""
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("problem", [OSError("no route"), ConnectionError("refused")])
@pytest.mark.parametrize("missing", [["first.json", "second.json"], ["second.json"]])
def test_without_a_network_it_is_said_what_to_put_where(
    monkeypatch, cache, named, pin, problem, missing
):
    def download(*args, **kwargs):
        raise problem

    monkeypatch.setattr("pooch.core.stream_download", download)
    for path in put(named):
        if path.name in missing:
            path.unlink()
    with pytest.raises(InputError) as error:
        datasets.fetch("small")
    wanted = " and ".join(f"{name} from https://example.invalid/at/{name}" for name in missing)
    assert str(error.value) == (
        f"small could not be downloaded ({type(problem).__name__}); put {wanted} into {named}, "
        f"or let MLIPCHECK_DATA_DIR name the folder that has them"
    )


@pytest.mark.parametrize("present", [(), ("first.json",)])
def test_a_folder_that_cannot_be_written_is_one_line(monkeypatch, named, server, present):
    """A read-only folder: root writes into those of the tests, so that the system is replaced."""
    for name in present:
        put(named, name)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    missing = " and ".join(
        f"{f.name} from {f.url}"
        for f in datasets.get_dataset("small").files
        if f.name not in present
    )
    assert datasets.find("small") is None
    with pytest.raises(InputError) as error:
        datasets.fetch("small")
    assert str(error.value) == (
        f"small could not be downloaded (PermissionError); put {missing} into {named}, or let "
        "MLIPCHECK_DATA_DIR name the folder that has them"
    )
    assert server.asked == []


def test_what_is_no_folder_is_one_line(cache, server):
    cache.rmdir()
    cache.write_text("a file")  # where the folder should be
    with pytest.raises(InputError, match=r"small could not be downloaded \(\w+Error\); put first"):
        datasets.fetch("small")


@pytest.mark.slow
def test_the_command_line_without_a_network_is_one_line(tmp_path):
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    kept.pop("MLIPCHECK_DATA_DIR", None)
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "mlipcheck", "dimer", "-b", "ase:emt", "Cu", "--reference", "pbe"],
        env=kept | nowhere | homes,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mlipcheck: diatomics-pbe could not be downloaded")
    assert done.stderr.count("\n") == 1


def test_a_download_is_over_before_another_bar_begins(monkeypatch, run_cli, cache):
    def fetch(name):
        raise InputError(f"{name} is asked for")

    def progress_bar(*args):
        raise AssertionError("a bar is up already")

    monkeypatch.setattr(datasets, "fetch", fetch)
    monkeypatch.setattr("mlipcheck.cli.checkup.progress_bar", progress_bar)
    status, _, err = run_cli("dimer", "-b", "ase:emt", "Cu", "--reference", "pbe")
    assert (status, err) == (2, "mlipcheck: diatomics-pbe is asked for\n")


# --- mlipcheck data ----------------------------------------------------------------------------


def test_data_lists_what_is_not_here(run_cli, cache):
    status, out, err = run_cli("data")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 100
    for row in datasets.DATASETS:
        for word in (row.name, row.licence, row.level_of_theory.split()[0]):
            assert word in out
        for file in row.files:
            assert f"not here: {file.name}" in out
    lines = out.splitlines()
    assert [line.split()[-2:] for line in lines if line.startswith("random-TP")] == [
        ["1.5", "MB"],
        ["here:", "random-TP.xyz"],
    ]
    assert str(cache) in out.replace("\n", "")
    assert "let MLIPCHECK_DATA_DIR name the folder" in " ".join(out.split())


def test_data_says_where_things_are_and_what_is_damaged(run_cli, cache, named, pin):
    first, second = put(named)
    second.write_bytes(b"")
    status, out, err = run_cli("data")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 100
    printed = "".join(line.strip() for line in out.splitlines())  # a path may be folded
    assert str(first) in printed
    assert "not here" not in out
    assert "damaged: " in out
    assert f"0 of {len(CONTENTS['second.json'])} bytes" in " ".join(out.split())
    assert str(named) in printed[printed.index("checksums") :]


def test_data_as_json(run_cli, cache, named, pin, tmp_path):
    first, second = put(named)
    second.write_bytes(b"x")
    path = tmp_path / "data.json"
    status, _, _ = run_cli("data", "--json", path)
    assert status == 0
    (row,) = json.loads(path.read_text())
    pinned = datasets.get_dataset("small")
    assert row.keys() == vars(pinned).keys()
    assert (row["name"], row["energy_convention"], row["distribution"]) == ("small", "raw", None)
    whole, damaged = row["files"]
    assert whole == vars(pinned.files[0]) | {"path": str(first), "error": None}
    assert damaged.pop("error").startswith(f"{second} has 1 of ")
    assert damaged == vars(pinned.files[1]) | {"path": None}


def test_data_on_stdout_is_json_alone(run_cli, cache):
    status, out, _ = run_cli("data", "--json", "-")
    assert status == 0
    rows = json.loads(out)
    assert [row["name"] for row in rows] == list(NAMES)
    assert all(f["path"] is f["error"] is None for row in rows for f in row["files"])


def test_data_fetches_what_is_named(run_cli, cache, server):
    status, out, err = run_cli("data", "small")
    assert (status, err) == (0, "")
    assert server.asked == ["first.json", "second.json"]
    assert str(cache / "second.json") in "".join(line.strip() for line in out.splitlines())
    assert "not here" not in out


def test_data_lists_only_what_is_named(run_cli, data_dir, monkeypatch, cache):
    monkeypatch.setenv(datasets.ENVIRONMENT_VARIABLE, str(data_dir))
    status, out, _ = run_cli("data", "random-TP", "acwf-unaries", "--json", "-")
    assert status == 0
    assert [row["name"] for row in json.loads(out)] == ["random-TP", "acwf-unaries"]


def test_data_of_an_unknown_name_fetches_nothing(run_cli, cache, server):
    status, out, err = run_cli("data", "small", "large")
    assert (status, out) == (2, "")
    assert err == "mlipcheck: no data set is called 'large'; known: small\n"
    assert server.asked == []


def test_data_that_is_named_and_damaged_is_one_line(run_cli, cache, pin):
    put(cache)
    (cache / "first.json").write_bytes(b"")
    status, out, err = run_cli("data", "small")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "0 of 5000 bytes" in err
