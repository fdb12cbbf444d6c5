"""Named reference data: pinned address, checksum, licence; kept in one folder."""

from __future__ import annotations

import gzip
import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ase.calculators.calculator import InputError

from ..calculators.registry import checksum

ENVIRONMENT_VARIABLE = "MLIPCHECK_DATA_DIR"


@dataclass(frozen=True)
class DataFile:
    """A file as its public repository has it."""

    name: str
    url: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Dataset:
    """Somebody else's reference data; none of it is part of this package.

    ``energy_convention`` is ``raw`` as DFT printed them, ``mp2020``, or None where there are no
    total energies; ``distribution`` is ``in`` or ``out`` of that of models trained on MPtrj.
    """

    name: str
    summary: str
    files: tuple[DataFile, ...]
    level_of_theory: str
    energy_convention: str | None
    licence: str
    citation: str
    distribution: str | None = None


def _dataset(base: str, files: list[Any], **row: Any) -> Dataset:
    each = (DataFile(folder + file, base + file, sha, n) for folder, file, n, sha in files)
    return Dataset(files=tuple(each), **{"energy_convention": None, **row})


_TABLE = tomllib.loads(Path(__file__).with_name("datasets.toml").read_text(encoding="utf-8"))
DATASETS = tuple(_dataset(**row) for row in _TABLE["dataset"])


@dataclass(frozen=True)
class Copy:
    """Where the copy of a file is, or what is wrong with it; neither where there is none."""

    file: DataFile
    path: Path | None = None
    error: str | None = None


def get_dataset(name: str) -> Dataset:
    """Return a row of the registry; `InputError` lists the known ones."""
    known = {dataset.name: dataset for dataset in DATASETS}
    if name not in known:
        raise InputError(f"no data set is called {name!r}; known: {', '.join(known)}")
    return known[name]


def cache_folder() -> Path:
    """Where what is computed is kept, and the data where MLIPCHECK_DATA_DIR names no folder."""
    import pooch

    return Path(pooch.os_cache("mlipcheck"))


def data_folder() -> Path:
    """Return where data are looked for and put: what MLIPCHECK_DATA_DIR names, or the cache."""
    return Path(_keeper().abspath)


def list_copies(name: str) -> tuple[Copy, ...]:
    """Return the copy of each file of a data set; what is wrong with one is in it, not raised."""
    return tuple(_find_copy(data_folder() / file.name, file) for file in get_dataset(name).files)


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return a data set and its copies as JSON takes it."""
    files = [
        asdict(copy.file) | {"path": copy.path and str(copy.path), "error": copy.error}
        for copy in list_copies(dataset.name)
    ]
    return asdict(dataset) | {"files": files}


def find(name: str) -> tuple[Path, ...] | None:
    """Return the local copies of a data set's files, or None; never goes to the network.

    A copy that is not the file that the registry pins is refused.
    """
    copies = list_copies(name)
    if error := next((copy.error for copy in copies if copy.error), None):
        raise InputError(error)
    paths = tuple(copy.path for copy in copies if copy.path is not None)
    return paths if len(paths) == len(copies) else None


def fetch(name: str) -> tuple[Path, ...]:
    """Return the local copies of a data set's files, downloading first those that are missing.

    Raises
    ------
    InputError
        If a copy is damaged, which is left as it is; where nothing can be downloaded or written,
        saying which files to put where.
    """
    from rich.console import Console

    if (found := find(name)) is not None:
        return found
    files, keeper = get_dataset(name).files, _keeper()
    try:
        with Console(stderr=True).status(f"downloading {name}"):  # says nothing into a file
            return tuple(Path(keeper.fetch(file.name)) for file in files)
    except (OSError, ValueError) as error:
        # the network's errors and the system's are OSErrors, and only pooch's own is none
        outside = isinstance(error, OSError)
        why = type(error).__name__ if outside else "what came has another sha256"
        missing = [copy.file for copy in list_copies(name) if copy.path is None]
        raise InputError(
            f"{name} could not be downloaded ({why}); put "
            f"{' and '.join(f'{file.name} from {file.url}' for file in missing)} into "
            f"{data_folder()}, or let {ENVIRONMENT_VARIABLE} name the folder that has them"
        ) from error


def load_json(path: Path) -> Any:
    """Read JSON, compressed or not."""
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def _keeper() -> Any:
    """Return the `pooch.Pooch` that knows every file, and never replaces one."""
    import pooch

    pooch.get_logger().setLevel("WARNING")  # what fails is reported once, by us
    files = [file for dataset in DATASETS for file in dataset.files]
    return pooch.create(
        path=cache_folder(),
        base_url="",
        registry={file.name: f"sha256:{file.sha256}" for file in files},
        urls={file.name: file.url for file in files},
        env=ENVIRONMENT_VARIABLE,
        allow_updates=False,
    )


def _find_copy(path: Path, file: DataFile) -> Copy:
    try:
        if not path.exists():
            return Copy(file)
        found, size = checksum(path), path.stat().st_size
    except OSError as error:
        why = f"{error.strerror}; let it be read, or replace it by {file.url}"
        return Copy(file, error=f"{path}: {why}")
    if found == file.sha256:
        return Copy(file, path)
    why = f"{size} of {file.bytes} bytes, sha256 {found[:12]}... for {file.sha256[:12]}..."
    return Copy(file, error=f"{path} has {why}; replace it by {file.url}")
