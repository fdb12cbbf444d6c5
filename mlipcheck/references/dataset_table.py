"""The table of public data: what each set is, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass

_GITHUB = "https://raw.githubusercontent.com"
_MATBENCH = f"{_GITHUB}/janosh/matbench-discovery/2c7f9fc42d018711dc2f5df573d225ea6d2d17b2"
_MATTERSIM = f"{_GITHUB}/microsoft/mattersim/296630372948fd35613939d14d3f97daa27cefda"
_MATCALC = f"{_GITHUB}/materialsvirtuallab/matcalc/aa76b41edb9ffb62f7efb2b5d3a3f7a8b2b4747d"
_ACWF = f"{_GITHUB}/aiidateam/acwf-verification-scripts/e8a0a4410d6effa013b748e07f394644057c5e23"
_ARENA = f"{_GITHUB}/atomind-ai/mlip-arena/6239aea513c494aeab237fc96ef133b9b1cc204f"
_FAIRCHEM = f"{_GITHUB}/facebookresearch/fairchem/a73c95be1db2f5ca60cce19f00fd5bff4c29fd7d"
_SNAP = f"{_GITHUB}/materialsvirtuallab/snap/5fc2251b45c72dea0c9799d7aad3e3261a077a5b"


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


def _files(folder: str, rows: str, name: str = "{}") -> tuple[DataFile, ...]:
    """Read rows of file, sha256 and bytes; ``name`` is what a file is kept as."""
    return tuple(
        DataFile(name.format(file), f"{folder}/{file}", sha256, int(size))
        for file, sha256, size in map(str.split, rows.strip().splitlines())
    )


DATASETS = (
    Dataset(
        "mptrj-random-1k",
        "1000 MPtrj frames, probably seen in training",
        _files(
            f"{_MATTERSIM}/data/benchmarks",
            "mptrj-random-1k.xyz "
            "8e48469016e5baf69d765580416238c81ea84887db61dc424c43936ebf50f7e5 3731695",
        ),
        "PBE or PBE+U, VASP",
        "raw",
        "MIT",
        "Deng et al., Nat. Mach. Intell. 5, 1031 (2023); as drawn by MatterSim: "
        "Yang et al., arXiv:2405.04967 (2024)",
        distribution="in",
    ),
    Dataset(
        "random-TP",
        "693 random compositions, hot and dense",
        _files(
            f"{_MATTERSIM}/data/benchmarks",
            "random-TP.xyz "
            "c14473dcf4bd71e1ed11556ac9ff12b68e7a423d813f939bc9eedaef663054d9 1514015",
        ),
        "PBE or PBE+U, VASP",
        "raw",
        "MIT",
        "MatterSim: Yang et al., arXiv:2405.04967 (2024)",
        distribution="out",
    ),
    Dataset(
        "wbm-equilibrium",
        "972 relaxed crystals, 83 elements",
        _files(
            f"{_MATCALC}/benchmark_data",
            "wbm-random-pbe52-equilibrium-2025.1.json.gz "
            "8fc0aa85e6c9d56b03f8c742a377a143a8fc885b5930e11af596e43c1832d9d0 408027",
        ),
        "PBE / PBE+U (PBE_52), VASP",
        "raw",
        "BSD-3-Clause",
        "Wang, Botti and Marques, npj Comput. Mater. 7, 12 (2021); as drawn by MatCalc",
    ),
    Dataset(
        "diatomics-pbe",
        "curves of two equal atoms, H to U",
        _files(
            f"{_MATBENCH}/site/src/lib",
            "diatomics-dft.json.gz "
            "1fe6334a82e98208ea74169a3beaf98cd5188bdc7ac40e518697fd36c7196e3d 203913",
        ),
        "PBE, VASP 6, PBE_64, spin ladder",
        "raw",
        "MIT",
        "matbench-discovery, homonuclear diatomic DFT reference curves",
    ),
    Dataset(
        "acwf-unaries",
        "96 elements as fcc, bcc, sc and diamond",
        _files(
            f"{_ACWF}/acwf_paper_plots/code-data",
            "results-unaries-verification-PBE-v1-AE-average.json "
            "d7844caa127eae860fe5087ead42f80d1b6b5eb952a686ff4b912ddaed7db48b 80895",
        ),
        "PBE, all-electron average",
        None,
        "MIT",
        "Bosoni et al., Nat. Rev. Phys. 6, 45 (2024)",
    ),
    Dataset(
        "kitchin-111",
        "8 kinds of atom on 7 fcc(111) metals",
        _files(
            f"{_FAIRCHEM}/docs/catalysts/examples_tutorials",
            """
            energies.json 8daf43d3618a837379b8cc0dccac32c179ed2a31ff4d95ef14a80425045d7a9d 27897
            structures.json 95f7641a7b1bd61a968afd957f0f47ba4c59a368d87a9c6afaf0a7c8ec9fdaea 1421403
            """,
            "kitchin2014-{}",
        ),
        "PBE",
        None,
        "MIT",
        "Xu and Kitchin, J. Phys. Chem. C 118, 25597 (2014)",
    ),
    Dataset(
        "metal-slabs",
        "slabs of W, Mo and Nb, and strained cells",
        _files(
            f"{_SNAP}/NbMoTaW/training",
            """
            W_Surface.json 87da3b6fd795f3afdc4679e13f691801f42fd8ec29bc3e279d0f1ce70d70e496 59610
            W_Elastic.json bcfe224205beb1e5164f2d24c8bd0cf8ce5a8d323c32e1c6538b15e1fdf2e359 118835
            Mo_Surface.json a31b6831a1cd9832cc4d7e163ab8330ee00cd5943776c9d549a7f0b14c7c88c5 50728
            Mo_Elastic.json 71c9d48811e0df374e050e5738b99988a9093e1eccc4616659af16728e68036e 120790
            Nb_Surface.json 97fa0d355ae144a10e8c61420b602c75ca62e1ed14bc73edb5b9c69713eb8f5b 68249
            Nb_Elastic.json 1eb982475d6714356ffd390639d410723b6b3f60de87857bf2445a5375213e56 119647
            """,
            "surfaces/{}",
        ),
        "PBE, VASP",
        "raw",
        "BSD-3-Clause",
        "Li et al., npj Comput. Mater. 6, 70 (2020)",
    ),
    Dataset(
        "angsten-vacancies",
        "vacancies and their hops in fcc and hcp metals",
        _files(
            f"{_ARENA}/benchmarks/vacancy_migration",
            """
            Table-A1-fcc.csv 7bfef8d9222fd85fbaec10ab4092c07b618e536024e6708412050ea17e09a7c9 2024
            Table-A2-hcp.csv 8ad4a5ef04368375a3c680a882b6241984a0dab9bedd6b5920e5a0cb07e7f5d6 2180
            """,
            "vacancies/angsten-{}",
        ),
        "PBE, VASP",
        None,
        "Apache-2.0",
        "Angsten et al., New J. Phys. 16, 015018 (2014); tables as kept by MLIP Arena",
    ),
)
