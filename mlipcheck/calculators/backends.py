"""What is known: one row a backend, with its checkpoints, and the rows of others' packages."""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import replace

from ase.calculators.calculator import InputError

from .backend import Backend, Checkpoint
from .base import brief

ENTRY_POINTS = "mlipcheck.backends"

_TOY = "Morse curve, D_e = 1.0 eV, a = 1.7 1/Å, r0 = 1.1 Å"
_MPTRJ = "PBE / PBE+U (MPtrj)"
_ALEX = "PBE / PBE+U (MPtrj, sAlex)"
_OMAT = "PBE / PBE+U, newer pseudopotentials (OMat24)"
_BSD, _GPL = "BSD-3-Clause-LBNL", "GPL-3.0"


def _chgnet(name: str, level: str, energies: str, file: str) -> Checkpoint:
    return Checkpoint(name, level, energies, _BSD, (f"chgnet/pretrained/{file}",))


def _mattersim(name: str) -> Checkpoint:
    file = f"~/.local/mattersim/pretrained_models/mattersim-v1.0.0-{name}.pth"
    return Checkpoint(name, "PBE / PBE+U (MatterSim's own)", "raw", "MIT", (file,))


def _sevennet(name: str, level: str, file: str) -> Checkpoint:
    # in the wheel, or downloaded into the package or, where that is read-only, the cache
    places = (f"sevenn/pretrained_potentials/{file}", f"~/.cache/sevennet/{file}")
    return Checkpoint(name, level, "raw", _GPL, places)


def _mace(name: str, level: str, licence: str, file: str) -> Checkpoint:
    return Checkpoint(name, level, "raw", licence, (f"~/.cache/mace/{file}",))


BACKENDS = (
    Backend(
        name="toy",
        loader="mlipcheck.calculators.toy:load",
        summary="RBF-ridge pair potential fitted to a Morse curve; soft, wide (not soft), exact",
        citation="Morse, Phys. Rev. 34, 57 (1929)",
        checkpoints=tuple(Checkpoint(n, _TOY, "own", "MIT") for n in ("soft", "wide", "exact")),
        bond_scale=1.42,
        safe=True,
    ),
    Backend(
        name="chgnet",
        loader="mlipcheck.calculators.chgnet:load",
        summary="CHGNet, a charge-informed universal potential; weights in its wheel",
        citation="Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi 10.1038/s42256-023-00716-3",
        checkpoints=(
            _chgnet("0.3.0", _MPTRJ, "mp2020", "0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"),
            _chgnet("0.2.0", _MPTRJ, "mp2020", "0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar"),
            _chgnet(
                "r2scan",
                "r2SCAN (MP-r2SCAN)",
                "own",
                "r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar",
            ),
        ),
        package="chgnet",
        extra="chgnet",
        trainer="mlipcheck.calculators.chgnet_training",
        dtypes=("float32",),
        takes_path=True,
        cutoff=6.0,
        safe=True,
    ),
    Backend(
        name="mattersim",
        loader="mlipcheck.calculators.mattersim:load",
        summary="MatterSim, M3GNet trained over temperatures and pressures; weights are a download",
        citation="Yang et al., arXiv 2405.04967 (2024)",
        checkpoints=(_mattersim("1M"), _mattersim("5M")),
        package="mattersim",
        extra="mattersim",
        needs="Python 3.12 or newer",
        dtypes=("float32", "float64"),
        takes_path=True,
        cutoff=5.0,
        safe=True,
    ),
    Backend(
        name="sevennet",
        loader="mlipcheck.calculators.sevennet:load",
        summary="SevenNet, equivariant; weights of 7net-0, l3i5 and mf-0 in its wheel",
        citation="Park et al., J. Chem. Theory Comput. 20, 4857 (2024), "
        "doi 10.1021/acs.jctc.4c00190",
        checkpoints=(
            _sevennet("7net-0", _MPTRJ, "SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth"),
            _sevennet("7net-l3i5", _MPTRJ, "SevenNet_l3i5/checkpoint_l3i5.pth"),
            _sevennet(
                "7net-mf-0",
                "PBE / PBE+U or r2SCAN: -o modal=PBE or R2SCAN",
                "SevenNet_MF_0/checkpoint_sevennet_mf_0.pth",
            ),
            _sevennet(
                "7net-0_22may2024", _MPTRJ, "SevenNet_0__22May2024/checkpoint_sevennet_0.pth"
            ),
            _sevennet("7net-omat", _OMAT, "SevenNet_omat/checkpoint_sevennet_omat.pth"),
            _sevennet(
                "7net-mf-ompa",
                "by modality: -o modal=mpa or omat24",
                "SevenNet_MF_ompa/checkpoint_sevennet_mf_ompa.pth",
            ),
            *(
                _sevennet(
                    f"7net-{name.replace('_', '-')}",
                    "by modality: -o modal=mpa, omat24, ...",
                    f"SevenNet_{name}/checkpoint_sevennet_{name}.pth",
                )
                for name in ("omni", "omni_i8", "omni_i12")
            ),
        ),
        package="sevenn",
        extra="sevennet",
        dtypes=("float32",),
        takes_path=True,
        takes_options=True,
        cutoff=5.0,
        safe=True,
        safe_options=("modal",),
    ),
    Backend(
        name="mace",
        loader="mlipcheck.calculators.mace:load",
        summary="MACE, equivariant; weights are downloads",
        citation="Batatia et al., arXiv 2401.00096 (2023)",
        checkpoints=(
            _mace("medium-mpa-0", _ALEX, "MIT", "macempa0mediummodel"),
            _mace("small", _MPTRJ, "MIT", "20231210mace128L0_energy_epoch249model"),
            _mace("medium", _MPTRJ, "MIT", "20231203mace128L1_epoch199model"),
            _mace("large", _MPTRJ, "MIT", "MACE_MPtrj_20229model"),
            _mace("small-0b", _MPTRJ, "MIT", "mace_agnesi_smallmodel"),
            _mace("medium-0b", _MPTRJ, "MIT", "mace_agnesi_mediummodel"),
            _mace("small-0b2", _MPTRJ, "MIT", "macesmalldensityagnesistressmodel"),
            _mace("medium-0b2", _MPTRJ, "MIT", "macemediumdensityagnesistressmodel"),
            _mace("large-0b2", _MPTRJ, "MIT", "macelargedensityagnesistressmodel"),
            _mace("medium-0b3", _MPTRJ, "MIT", "macemp0b3mediummodel"),
            _mace("small-omat-0", _OMAT, "ASL", "maceomat0smallmodel"),
            _mace("medium-omat-0", _OMAT, "ASL", "maceomat0mediummodel"),
            _mace("mace-matpes-pbe-0", "PBE (MatPES)", "ASL", "MACEmatpespbeomatftmodel"),
            _mace("mace-matpes-r2scan-0", "r2SCAN (MatPES)", "ASL", "MACEmatpesr2scanomatftmodel"),
            _mace("mh-0", "by head: -o head=...", "its model card's", "macemh0model"),
            _mace("mh-1", "by head: -o head=...", "its model card's", "macemh1model"),
        ),
        package="mace",
        distribution="mace-torch",
        extra="mace",
        dtypes=("float32", "float64"),
        takes_path=True,
        takes_options=True,
        safe=True,
        safe_options=("head",),
        runs_code=True,
    ),
    Backend(
        name="ase",
        loader="mlipcheck.calculators.ase_builtin:load",
        summary="ASE's own calculators by name: ase:emt, ase:lj, ase:morse, ...",
        citation="Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017)",
        package="ase",
        takes_options=True,
        # in Python and with numbers for options; others start programs or read files
        safe=("emt", "lj", "morse"),
        safe_options=(
            *("asap_cutoff", "sigma", "epsilon", "rc", "ro", "smooth"),
            *("r0", "rho0", "rcut1", "rcut2"),
        ),
        expected_failures={
            "emt:declared_properties": "EMT declares magmom and magmoms, and delivers neither",
            "morse:nan_input": "MorsePotential leaves out neighbours at NaN: a finite energy",
        },
    ),
    Backend(
        name="rescaled",
        loader="mlipcheck.calculators.rescaled_file:load",
        summary="another of these, its forces and energies times a factor: rescaled:FILE",
        citation="Deng et al., npj Comput. Mater. 11, 9 (2025), doi 10.1038/s41524-024-01500-6",
        needs="the file that 'mlipcheck parity --rescale --save FILE' writes",
        dtypes=(),
        takes_path=True,
    ),
)


@functools.cache
def _others() -> tuple[Backend, ...]:
    """Return the rows of other packages; one that cannot be used carries the reason."""
    rows: list[Backend] = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        origin = f"{point.value}, of the entry points {ENTRY_POINTS}"
        broken = Backend(point.name, "", f"row of {origin}", "", error="")
        try:
            row = point.load()
        except Exception as error:  # somebody else's module; the row says so
            why = f"{origin}: {brief(error)}"
            rows.append(replace(broken, error=why))
            continue
        if not isinstance(row, Backend):
            why = f"{origin} is a {type(row).__name__}, not a Backend"
            rows.append(replace(broken, error=why))
        elif row.name in {b.name for b in (*BACKENDS, *rows)}:
            why = f"{origin} has the name of another backend, {row.name!r}"
            rows.append(replace(row, name=f"{row.name} ({point.name})", error=why))
        else:
            rows.append(row)
    return tuple(rows)


def list_backends() -> list[Backend]:
    """Return every known backend, installed or not, and those of other packages."""
    return [*BACKENDS, *_others()]


def get_backend(name: str) -> Backend:
    """Return the row of a backend; `InputError` lists the known ones."""
    for backend in list_backends():
        if backend.name == name:
            return backend
    known = ", ".join(b.name for b in list_backends())
    raise InputError(
        f"no backend is called {name!r}; known: {known}, or package.module:factory for your own"
    )
