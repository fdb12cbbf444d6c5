"""Small seeded models, saved by their own packages: the real code, with weights of no meaning.

Their energies are scaled up, since random weights would give forces of 1e-3 eV/Å, which any
tolerance passes.
"""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
from ase.data import atomic_numbers

# What the seeded MACE knows: the elements of tests/structures.py. It does not know Kr.
ELEMENTS = tuple(
    atomic_numbers[s] for s in ["H", "He", "C", "O", "Na", "Al", "Si", "Cl", "Ar", "Fe", "Cu"]
)


@contextlib.contextmanager
def seeded():
    """Seed torch, and leave its generator, its default dtype and the warnings as they were."""
    import torch

    before = torch.get_default_dtype()
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def save_mace(path, heads=("Default",)):
    """Save a MACE model of two layers in float64; several heads differ in their energies."""
    import torch

    with seeded():
        from mace import modules  # before e3nn, whose pinned version fails alone under torch 2.6

        from e3nn import o3  # isort: skip

        torch.set_default_dtype(torch.float64)
        block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
        model = modules.ScaleShiftMACE(
            r_max=4.0,
            num_bessel=4,
            num_polynomial_cutoff=5,
            max_ell=2,
            interaction_cls=block,
            interaction_cls_first=block,
            num_interactions=2,
            num_elements=len(ELEMENTS),
            hidden_irreps=o3.Irreps("8x0e + 8x1o"),
            MLP_irreps=o3.Irreps("8x0e"),
            gate=torch.nn.functional.silu,
            atomic_energies=-np.arange(len(heads) * len(ELEMENTS)).reshape(len(heads), -1) / 10,
            avg_num_neighbors=8,
            atomic_numbers=list(ELEMENTS),
            correlation=2,
            atomic_inter_scale=[10.0] * len(heads),
            atomic_inter_shift=[0.0] * len(heads),
            heads=list(heads),
        )
        torch.save(model, path)


def save_mattersim(path):
    """Save a MatterSim M3GNet of two blocks in float32."""
    with seeded():
        from mattersim.forcefield.m3gnet.m3gnet import M3Gnet
        from mattersim.forcefield.potential import Potential

        model = M3Gnet(
            num_blocks=2,
            units=16,
            max_l=2,
            max_n=2,
            cutoff=5.0,
            threebody_cutoff=4.0,
            max_z=94,
            device="cpu",
        )
        model.normalizer.scale.data.fill_(500.0)
        Potential(model, device="cpu").save(str(path))
