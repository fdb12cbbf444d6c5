"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), with the weights of its own wheel."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import chgnet
import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import CalculatorSetupError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from chgnet.model.model import CHGNet
from pymatgen.core import Lattice, Structure

from ..results import Evaluation
from .base import StrictCalculator
from .pair_potential import check_cell

CHECKPOINTS = {
    "0.3.0": "0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar",
    "0.2.0": "0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar",
    "r2scan": "r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar",
}


class CHGNetCalculator(StrictCalculator):
    """A CHGNet model under ASE's contract, one structure or many at a time.

    Parameters
    ----------
    model : chgnet.model.model.CHGNet
    device : str
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "magmoms"]
    dtype = "float32"

    def __init__(self, model: CHGNet, device: str = "cpu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model.to(device)
        self.device = device
        self.checkpoint_path: Path | None = None
        self.cutoff = float(model.graph_converter.atom_graph_cutoff)
        # An atom without neighbours has an energy of its own, and is no error.
        model.graph_converter.set_isolated_atom_response("ignore")

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        # All at once: ASE asks for the forces next, and a second pass would cost more.
        found = self.evaluate_batch([self.atoms], self.implemented_properties)[0]
        self.results = {
            name: value
            for name in self.implemented_properties
            if (value := getattr(found, name, None)) is not None
        }
        self.results["free_energy"] = found.energy

    def evaluate_batch(
        self, images: Sequence[Atoms], properties: Sequence[str]
    ) -> list[Evaluation]:
        """Evaluate ``images`` in one forward and one backward pass."""
        for atoms in images:
            check_cell(atoms)
        wants_stress = "stress" in properties and any(a.pbc.all() for a in images)
        task = "efsm" if "magmoms" in properties else "efs" if wants_stress else "ef"
        with _upstream_warnings_ignored():
            graphs = [self.model.graph_converter(_structure(atoms)) for atoms in images]
            found = self.model.predict_graph(
                graphs,
                task=task,
                return_site_energies="energies" in properties,
                batch_size=len(graphs),
            )
        rows = [found] if len(graphs) == 1 else found
        return [self._evaluation(*pair) for pair in zip(images, rows, strict=True)]

    def _evaluation(self, atoms: Atoms, row: dict[str, np.ndarray]) -> Evaluation:
        per_structure = len(atoms) if self.model.is_intensive else 1
        stress = None
        if "s" in row and atoms.pbc.all():
            stress = full_3x3_to_voigt_6_stress(row["s"] * units.GPa)
        return Evaluation(
            energy=float(row["e"]) * per_structure,
            forces=row["f"],
            stress=stress,
            energies=row.get("site_energies"),
            magmoms=row.get("m"),
        )


def load(checkpoint: str, *, device: str, dtype: str) -> CHGNetCalculator:
    """Return the calculator of a checkpoint of the wheel, or of a file that CHGNet saved.

    Raises
    ------
    CalculatorSetupError
        For a file that is not there or is not a CHGNet model.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    package = Path(chgnet.__file__).parent
    path = package / "pretrained" / CHECKPOINTS[checkpoint] if checkpoint in CHECKPOINTS else None
    with contextlib.redirect_stdout(io.StringIO()), _upstream_warnings_ignored():
        if path is not None:
            model = CHGNet.load(model_name=checkpoint, use_device=device, verbose=False)
        else:
            path = Path(checkpoint)
            try:
                model = CHGNet.from_file(str(path))
            except Exception as error:
                raise CalculatorSetupError(
                    f"{path} is not a CHGNet checkpoint ({type(error).__name__}: {error}); "
                    f"known names: {', '.join(CHECKPOINTS)}"
                ) from error
    # Forces need gradients of the positions only; those of the weights would cost a fifth more.
    calculator = CHGNetCalculator(model.requires_grad_(False), device)
    calculator.checkpoint_path = path
    return calculator


def _structure(atoms: Atoms) -> Structure:
    # Directions without a cell vector get a unit one, and pymatgen's neighbour search does not
    # look along directions that are not periodic: a molecule needs no box.
    lattice = Lattice(atoms.cell.complete()[:], pbc=tuple(bool(p) for p in atoms.pbc))
    return Structure(lattice, atoms.numbers, atoms.positions, coords_are_cartesian=True)


@contextlib.contextmanager
def _upstream_warnings_ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        # CHGNet 0.4 makes a tensor of volumes that carry a gradient; nothing here uses that one.
        warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
        # pymatgen says so of noble gases, whose electronegativity no potential asks for.
        warnings.filterwarnings("ignore", message="No Pauling electronegativity")
        yield
