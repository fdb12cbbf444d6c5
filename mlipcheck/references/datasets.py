"""Named reference data: pinned address, checksum, licence; kept in one folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ase.calculators.calculator import InputError

from ..calculators.registry import checksum

ENVIRONMENT_VARIABLE = "MLIPCHECK_DATA_DIR"

_GITHUB = "https://raw.githubusercontent.com"
_MATBENCH = f"{_GITHUB}/janosh/matbench-discovery/2c7f9fc42d018711dc2f5df573d225ea6d2d17b2"
_MATTERSIM = f"{_GITHUB}/microsoft/mattersim/296630372948fd35613939d14d3f97daa27cefda"
_MATCALC = f"{_GITHUB}/materialsvirtuallab/matcalc/aa76b41edb9ffb62f7efb2b5d3a3f7a8b2b4747d"
_ACWF = f"{_GITHUB}/aiidateam/acwf-verification-scripts/e8a0a4410d6effa013b748e07f394644057c5e23"
_ARENA = f"{_GITHUB}/atomind-ai/mlip-arena/6239aea513c494aeab237fc96ef133b9b1cc204f"
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
    Dataset(
        name="angsten-vacancies",
        summary="vacancies and their hops in fcc and hcp metals",
        files=(
            DataFile(
                "vacancies/angsten-Table-A1-fcc.csv",
                f"{_ARENA}/benchmarks/vacancy_migration/Table-A1-fcc.csv",
                "7bfef8d9222fd85fbaec10ab4092c07b618e536024e6708412050ea17e09a7c9",
                2024,
            ),
            DataFile(
                "vacancies/angsten-Table-A2-hcp.csv",
                f"{_ARENA}/benchmarks/vacancy_migration/Table-A2-hcp.csv",
                "8ad4a5ef04368375a3c680a882b6241984a0dab9bedd6b5920e5a0cb07e7f5d6",
                2180,
            ),
        ),
        level_of_theory="PBE, VASP",
        energy_convention=None,
        licence="Apache-2.0",
        citation="Angsten et al., New J. Phys. 16, 015018 (2014); tables as kept by MLIP Arena",
    ),
)


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

    Raises
    ------
    InputError
        If a copy is not the file that the registry pins.
    """
    copies = list_copies(name)
    for copy in copies:
        if copy.error is not None:
            raise InputError(copy.error)
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
