"""The backends: one row each, with its checkpoints, and the rows of other packages."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Any

from ase.calculators.calculator import InputError

from .backend import Backend, Checkpoint, Demonstration
from .base import FAILURES, brief

ENTRY_POINTS = "mlipcheck.backends"

_TOY = "Morse curve, D_e = 1.0 eV, a = 1.7 1/Å, r0 = 1.1 Å"
_MPTRJ = "PBE / PBE+U (MPtrj)"
_ALEX = "PBE / PBE+U (MPtrj, sAlex)"
_OMAT = "PBE / PBE+U, newer pseudopotentials (OMat24)"
_MF = "PBE / PBE+U or r2SCAN: -o modal=PBE or R2SCAN"
_OMPA = "by modality: -o modal=mpa or omat24"
_OMNI = "by modality: -o modal=mpa, omat24, ..."


def _chgnet(name: str, level: str, energies: str, run: str) -> Checkpoint:
    file = f"chgnet/pretrained/{name}/chgnet_{run}.pth.tar"
    return Checkpoint(name, level, energies, "BSD-3-Clause-LBNL", (file,))


def _mattersim(name: str) -> Checkpoint:
    file = f"~/.local/mattersim/pretrained_models/mattersim-v1.0.0-{name}.pth"
    return Checkpoint(name, "PBE / PBE+U (MatterSim's own)", "raw", "MIT", (file,))


def _sevennet(name: str, level: str, file: str) -> Checkpoint:
    # in the wheel, or downloaded into the package or, where that is read-only, the cache
    places = (f"sevenn/pretrained_potentials/SevenNet_{file}", f"~/.cache/sevennet/SevenNet_{file}")
    return Checkpoint(name, level, "raw", "GPL-3.0", places)


def _mace(name: str, level: str, licence: str, file: str) -> Checkpoint:
    return Checkpoint(name, level, "raw", licence, (f"~/.cache/mace/{file}",))


def _pretrained(name: str, **facts: Any) -> Backend:
    """Return the row of a pretrained model: its adapter, its extra, and weights that are safe."""
    loader = f"mlipcheck.calculators.{name}:load"
    return Backend(name, loader, extra=name, takes_path=True, safe=True, **facts)


def _around(name: str, command: str, **facts: Any) -> Backend:
    """Return the row of a calculator around another, which a file names."""
    needs = f"the file that 'mlipcheck {command} --save FILE' writes"
    loader = f"mlipcheck.calculators.{name}:load"
    shown = Demonstration(())  # what is inside says which elements there are
    return Backend(
        name, loader, needs=needs, dtypes=(), takes_path=True, demonstration=shown, **facts
    )


BACKENDS = (
    Backend(
        name="toy",
        loader="mlipcheck.calculators.toy.toy:load",
        summary="RBF-ridge pair potential fitted to a Morse curve; soft, wide (not soft), exact",
        citation="Morse, Phys. Rev. 34, 57 (1929)",
        checkpoints=tuple(Checkpoint(n, _TOY, "own", "MIT") for n in ("soft", "wide", "exact")),
        bond_scale=1.42,
        safe=True,
        demonstration=Demonstration(
            ("N",),
            morse=True,
            remark="The toy is fitted to the bottom of a Morse curve: too soft by construction.",
        ),
    ),
    _pretrained(
        "chgnet",
        summary="CHGNet, a charge-informed universal potential; weights in its wheel",
        citation="Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi 10.1038/s42256-023-00716-3",
        checkpoints=(
            _chgnet("0.3.0", _MPTRJ, "mp2020", "0.3.0_e29f68s314m37"),
            _chgnet("0.2.0", _MPTRJ, "mp2020", "0.2.0_e30f77s348m32"),
            _chgnet(
                "r2scan", "r2SCAN (MP-r2SCAN)", "own", "r2scan_transfer_learning_e15f36s161m23"
            ),
        ),
        package="chgnet",
        trainer="mlipcheck.calculators.chgnet",
        dtypes=("float32",),
        cutoff=6.0,
    ),
    _pretrained(
        "mattersim",
        summary="MatterSim, M3GNet trained over temperatures and pressures; weights are a download",
        citation="Yang et al., arXiv 2405.04967 (2024)",
        checkpoints=(_mattersim("1M"), _mattersim("5M")),
        package="mattersim",
        needs="Python 3.12 or newer",
        dtypes=("float32", "float64"),
        cutoff=5.0,
    ),
    _pretrained(
        "sevennet",
        summary="SevenNet, equivariant; weights of 7net-0, l3i5 and mf-0 in its wheel",
        citation="Park et al., J. Chem. Theory Comput. 20, 4857 (2024), "
        "doi 10.1021/acs.jctc.4c00190",
        checkpoints=(
            _sevennet("7net-0", _MPTRJ, "0__11Jul2024/checkpoint_sevennet_0.pth"),
            _sevennet("7net-l3i5", _MPTRJ, "l3i5/checkpoint_l3i5.pth"),
            _sevennet("7net-mf-0", _MF, "MF_0/checkpoint_sevennet_mf_0.pth"),
            _sevennet("7net-0_22may2024", _MPTRJ, "0__22May2024/checkpoint_sevennet_0.pth"),
            _sevennet("7net-omat", _OMAT, "omat/checkpoint_sevennet_omat.pth"),
            _sevennet("7net-mf-ompa", _OMPA, "MF_ompa/checkpoint_sevennet_mf_ompa.pth"),
            _sevennet("7net-omni", _OMNI, "omni/checkpoint_sevennet_omni.pth"),
            _sevennet("7net-omni-i8", _OMNI, "omni_i8/checkpoint_sevennet_omni_i8.pth"),
            _sevennet("7net-omni-i12", _OMNI, "omni_i12/checkpoint_sevennet_omni_i12.pth"),
        ),
        package="sevenn",
        dtypes=("float32",),
        takes_options=True,
        cutoff=5.0,
        safe_options=("modal",),
    ),
    _pretrained(
        "mace",
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
        dtypes=("float32", "float64"),
        takes_options=True,
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
        demonstration=Demonstration(()),
        expected_failures={
            "emt:declared_properties": "EMT declares magmom and magmoms, and delivers neither",
            "morse:nan_input": "MorsePotential leaves out neighbours at NaN: a finite energy",
        },
    ),
    _around(
        "rescaled",
        command="parity --rescale",
        summary="another of these, its forces and energies times a factor: rescaled:FILE",
        citation="Deng et al., npj Comput. Mater. 11, 9 (2025), doi 10.1038/s41524-024-01500-6",
    ),
    _around(
        "guarded",
        command="guard",
        summary="another of these, with a repulsion that closes its holes: guarded:FILE",
        citation="Ziegler, Biersack, Littmark, The Stopping and Range of Ions in Solids (1985)",
    ),
)


@functools.cache
def _others() -> tuple[Backend, ...]:
    """Return the rows of other packages; one that cannot be used carries the reason."""
    rows: list[Backend] = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        origin = f"{point.value}, of the entry points {ENTRY_POINTS}"
        try:
            row = point.load()
            if not isinstance(row, Backend):
                raise TypeError(f"it is a {type(row).__name__}, not a Backend")
            if row.name in {b.name for b in (*BACKENDS, *rows)}:
                raise ValueError(f"it has the name of another backend, {row.name!r}")
        except FAILURES as error:
            why = f"{origin}: {brief(error)}"
            row = Backend(point.name, "", f"row of {origin}", "", error=why)
        rows.append(row)
    return tuple(rows)


def list_backends() -> list[Backend]:
    """Return every known backend, installed or not, and those of other packages."""
    return [*BACKENDS, *_others()]


def find_backend(name: str | None) -> Backend | None:
    """Return the row of a backend, None for a name that is not one."""
    return next((b for b in list_backends() if b.name == name), None)


def get_backend(name: str) -> Backend:
    """Return the row of a backend; `InputError` lists the known ones."""
    backend = find_backend(name)
    if backend is None:
        known = ", ".join(b.name for b in list_backends())
        raise InputError(
            f"no backend is called {name!r}; known: {known}, or package.module:factory for your own"
        )
    return backend


def get_demonstration(name: str | None) -> Demonstration:
    """Return what a backend is shown on; nobody knows which elements a third-party one has."""
    backend = find_backend(name)
    return backend.demonstration if backend is not None else Demonstration(())
