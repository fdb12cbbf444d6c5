"""Named reference data: pinned address, checksum, licence; a local folder is looked at first."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ase.calculators.calculator import InputError

from .download import download

ENVIRONMENT_VARIABLE = "MLIPCHECK_DATA_DIR"

_GITHUB = "https://raw.githubusercontent.com"
_MATBENCH = f"{_GITHUB}/janosh/matbench-discovery/2c7f9fc42d018711dc2f5df573d225ea6d2d17b2"
_MATTERSIM = f"{_GITHUB}/microsoft/mattersim/296630372948fd35613939d14d3f97daa27cefda"
_MATCALC = f"{_GITHUB}/materialsvirtuallab/matcalc/aa76b41edb9ffb62f7efb2b5d3a3f7a8b2b4747d"
_ACWF = f"{_GITHUB}/aiidateam/acwf-verification-scripts/e8a0a4410d6effa013b748e07f394644057c5e23"
_FAIRCHEM = f"{_GITHUB}/facebookresearch/fairchem/a73c95be1db2f5ca60cce19f00fd5bff4c29fd7d"


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

    Attributes
    ----------
    energy_convention : str or None
        ``raw`` as DFT printed them, or ``mp2020``; None where there are no total energies.
    distribution : str or None
        ``in`` or ``out`` of that of models trained on MPtrj; None where nobody says.
    """

    name: str
    summary: str
    files: tuple[DataFile, ...]
    level_of_theory: str
    energy_convention: str | None
    licence: str
    citation: str
    distribution: str | None = None


@dataclass(frozen=True)
class Copy:
    """Where the copy of a file is, or what is wrong with it; neither where there is none."""

    file: DataFile
    path: Path | None = None
    error: str | None = None


DATASETS = (
    Dataset(
        name="mptrj-random-1k",
        summary="1000 MPtrj frames, probably seen in training",
        files=(
            DataFile(
                "mptrj-random-1k.xyz",
                f"{_MATTERSIM}/data/benchmarks/mptrj-random-1k.xyz",
                "8e48469016e5baf69d765580416238c81ea84887db61dc424c43936ebf50f7e5",
                3731695,
            ),
        ),
        level_of_theory="PBE or PBE+U, VASP",
        energy_convention="raw",
        licence="MIT",
        citation="Deng et al., Nat. Mach. Intell. 5, 1031 (2023); as drawn by MatterSim: "
        "Yang et al., arXiv:2405.04967 (2024)",
        distribution="in",
    ),
    Dataset(
        name="random-TP",
        summary="693 random compositions, hot and dense",
        files=(
            DataFile(
                "random-TP.xyz",
                f"{_MATTERSIM}/data/benchmarks/random-TP.xyz",
                "c14473dcf4bd71e1ed11556ac9ff12b68e7a423d813f939bc9eedaef663054d9",
                1514015,
            ),
        ),
        level_of_theory="PBE or PBE+U, VASP",
        energy_convention="raw",
        licence="MIT",
        citation="MatterSim: Yang et al., arXiv:2405.04967 (2024)",
        distribution="out",
    ),
    Dataset(
        name="wbm-equilibrium",
        summary="972 relaxed crystals, 83 elements",
        files=(
            DataFile(
                "wbm-random-pbe52-equilibrium-2025.1.json.gz",
                f"{_MATCALC}/benchmark_data/wbm-random-pbe52-equilibrium-2025.1.json.gz",
                "8fc0aa85e6c9d56b03f8c742a377a143a8fc885b5930e11af596e43c1832d9d0",
                408027,
            ),
        ),
        level_of_theory="PBE / PBE+U (PBE_52), VASP",
        energy_convention="raw",
        licence="BSD-3-Clause",
        citation="Wang, Botti and Marques, npj Comput. Mater. 7, 12 (2021); as drawn by MatCalc",
    ),
    Dataset(
        name="diatomics-pbe",
        summary="curves of two equal atoms, H to U",
        files=(
            DataFile(
                "diatomics-dft.json.gz",
                f"{_MATBENCH}/site/src/lib/diatomics-dft.json.gz",
                "1fe6334a82e98208ea74169a3beaf98cd5188bdc7ac40e518697fd36c7196e3d",
                203913,
            ),
        ),
        level_of_theory="PBE, VASP 6, PBE_64, spin ladder",
        energy_convention="raw",
        licence="MIT",
        citation="matbench-discovery, homonuclear diatomic DFT reference curves",
    ),
    Dataset(
        name="acwf-unaries",
        summary="96 elements as fcc, bcc, sc and diamond",
        files=(
            DataFile(
                "results-unaries-verification-PBE-v1-AE-average.json",
                f"{_ACWF}/acwf_paper_plots/code-data/"
                "results-unaries-verification-PBE-v1-AE-average.json",
                "d7844caa127eae860fe5087ead42f80d1b6b5eb952a686ff4b912ddaed7db48b",
                80895,
            ),
        ),
        level_of_theory="PBE, all-electron average",
        energy_convention=None,
        licence="MIT",
        citation="Bosoni et al., Nat. Rev. Phys. 6, 45 (2024)",
    ),
    Dataset(
        name="kitchin-111",
        summary="8 kinds of atom on 7 fcc(111) metals",
        files=(
            DataFile(
                "kitchin2014-energies.json",
                f"{_FAIRCHEM}/docs/catalysts/examples_tutorials/energies.json",
                "8daf43d3618a837379b8cc0dccac32c179ed2a31ff4d95ef14a80425045d7a9d",
                27897,
            ),
            DataFile(
                "kitchin2014-structures.json",
                f"{_FAIRCHEM}/docs/catalysts/examples_tutorials/structures.json",
                "95f7641a7b1bd61a968afd957f0f47ba4c59a368d87a9c6afaf0a7c8ec9fdaea",
                1421403,
            ),
        ),
        level_of_theory="PBE",
        energy_convention=None,
        licence="MIT",
        citation="Xu and Kitchin, J. Phys. Chem. C 118, 25597 (2014)",
    ),
)


def get_dataset(name: str) -> Dataset:
    """Return a row of the registry; `InputError` lists the known ones."""
    for dataset in DATASETS:
        if dataset.name == name:
            return dataset
    raise InputError(
        f"no data set is called {name!r}; known: {', '.join(d.name for d in DATASETS)}"
    )


def cache_folder() -> Path:
    """Where downloads are kept."""
    import pooch

    return Path(pooch.os_cache("mlipcheck"))


def named_folder() -> Path | None:
    """Return the folder that MLIPCHECK_DATA_DIR names, or None."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(named) if named else None


def tell_named_folder() -> str:
    """Return MLIPCHECK_DATA_DIR and what it is set to, for a sentence."""
    named = named_folder()
    state = "not set" if named is None else f"{named}" if named.is_dir() else f"{named}: no folder"
    return f"{ENVIRONMENT_VARIABLE} ({state})"


def list_copies(name: str) -> tuple[Copy, ...]:
    """Return the copy of each file of a data set; what is wrong with one is in it, not raised."""
    found = []
    for file in get_dataset(name).files:
        try:
            found.append(Copy(file, path=_find_file(file)))
        except InputError as error:
            found.append(Copy(file, error=str(error)))
    return tuple(found)


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what there is to know of a data set, its copies too, as JSON takes it."""
    facts = asdict(dataset)
    for told, copy in zip(facts["files"], list_copies(dataset.name), strict=True):
        path = None if copy.path is None else str(copy.path)
        told |= {"path": path, "error": copy.error}
    return facts


def find(name: str) -> tuple[Path, ...] | None:
    """Return the local copies of a data set's files, or None; never goes to the network.

    Looks for each in the folder that MLIPCHECK_DATA_DIR names, then in `cache_folder`.

    Raises
    ------
    InputError
        If a copy is not the file that the registry pins.
    """
    paths = [_find_file(file) for file in get_dataset(name).files]
    found = tuple(path for path in paths if path is not None)
    return found if len(found) == len(paths) else None


def fetch(name: str) -> tuple[Path, ...]:
    """Return the local copies of a data set's files, downloading first those that are missing.

    Raises
    ------
    InputError
        If a copy is damaged; without a network, saying which files to put where.
    """
    dataset = get_dataset(name)
    found = [_find_file(file) for file in dataset.files]
    try:
        return tuple(
            path or download(f.url, cache_folder(), f.name, sha256=f.sha256, size=f.bytes)
            for path, f in zip(found, dataset.files, strict=True)
        )
    except (OSError, ValueError) as error:
        # the network's errors and the system's are OSErrors, and only pooch's own is none
        outside = isinstance(error, OSError)
        why = type(error).__name__ if outside else "what came has another sha256"
        missing = [file for file in dataset.files if _find_file(file) is None]
        raise InputError(
            f"{name} could not be downloaded ({why}); put "
            f"{' and '.join(f'{file.name} from {file.url}' for file in missing)} into "
            f"{cache_folder()}, or name their folder in {tell_named_folder()}"
        ) from error


def _find_file(file: DataFile) -> Path | None:
    """Return the first copy there is; refuse it if it is another file."""
    named = named_folder()
    for folder in ([named] if named else []) + [cache_folder()]:
        path = folder / file.name
        try:
            content = path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise InputError(
                f"{path}: {error.strerror}; let it be read, or replace it by {file.url}"
            ) from error
        if content is not None:
            _refuse_another(path, content, file)
            return path
    return None


def _refuse_another(path: Path, content: bytes, file: DataFile) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found == file.sha256:
        return
    size = f"{len(content)} of {file.bytes} bytes"
    sizes = f" (truncated: {size})" if len(content) < file.bytes else f" ({size})"
    raise InputError(
        f"{path} has sha256 {found[:12]}..., {file.sha256[:12]}... expected"
        f"{sizes if len(content) != file.bytes else ''}; replace it by {file.url}"
    )
