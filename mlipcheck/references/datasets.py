"""Named reference data: pinned address, checksum, licence; a local folder is looked at first."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ase.calculators.calculator import InputError

ENVIRONMENT_VARIABLE = "MLIPCHECK_DATA_DIR"


@dataclass(frozen=True)
class Dataset:
    """A file of somebody else's reference data; none of it is part of this package."""

    name: str
    file: str
    url: str
    sha256: str
    bytes: int
    level_of_theory: str
    licence: str
    citation: str


DATASETS = (
    Dataset(
        name="diatomics-pbe",
        file="diatomics-dft.json.gz",
        url=(
            "https://raw.githubusercontent.com/janosh/matbench-discovery/"
            "2c7f9fc42d018711dc2f5df573d225ea6d2d17b2/site/src/lib/diatomics-dft.json.gz"
        ),
        sha256="1fe6334a82e98208ea74169a3beaf98cd5188bdc7ac40e518697fd36c7196e3d",
        bytes=203913,
        level_of_theory="PBE, VASP 6, PBE_64, spin ladder",
        licence="MIT",
        citation="matbench-discovery, homonuclear diatomic DFT reference curves",
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


def find(name: str) -> Path | None:
    """Return the local copy of a data set, or None; never goes to the network.

    Looks in the folder that MLIPCHECK_DATA_DIR names, then in `cache_folder`.

    Raises
    ------
    InputError
        If the copy is not the file that the registry pins.
    """
    dataset = get_dataset(name)
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    for folder in ([Path(named)] if named else []) + [cache_folder()]:
        path = folder / dataset.file
        if path.is_file():
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != dataset.sha256:
                raise InputError(
                    f"{path} has sha256 {found[:12]}..., {dataset.sha256[:12]}... expected; "
                    f"replace it by {dataset.url}"
                )
            return path
    return None


def fetch(name: str) -> Path:
    """Return the local copy of a data set, downloading it first where there is none.

    Raises
    ------
    InputError
        Without a network, saying which file to put where.
    """
    if (path := find(name)) is not None:
        return path
    import logging

    import pooch

    pooch.get_logger().setLevel(logging.WARNING)  # what fails is told once, by us
    dataset = get_dataset(name)
    try:
        return Path(
            pooch.retrieve(
                dataset.url, f"sha256:{dataset.sha256}", fname=dataset.file, path=cache_folder()
            )
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"{name} could not be downloaded ({type(error).__name__}); put {dataset.file} from "
            f"{dataset.url} into {cache_folder()}, or name its folder in {ENVIRONMENT_VARIABLE}"
        ) from error
