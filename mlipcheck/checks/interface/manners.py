"""How a calculator behaves: what it delivers and refuses, remembers, changes and prints."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError, all_properties
from ase.constraints import FixAtoms
from ase.outputs import all_outputs

from ...calculators.base import FAILURES, brief
from ...calculators.records import Evaluation
from .capture import captured
from .deviation import Deviation, NotApplicable, broken, compare, kept
from .subject import Subject, ask_ase

FAR = 12.0  # Å; beyond the range of most models
NUDGE = 0.05  # Å; no energy stays what it was


def declared_properties(subject: Subject) -> list[Deviation]:
    """What is declared is delivered, finite and in ASE's shape."""
    declared = subject.properties(*subject.calculator.implemented_properties)
    if "energy" not in declared:
        return [broken("no energy is declared")]
    deviations = []
    for name in declared:
        if name not in all_outputs:
            continue  # a property of its own, about which ASE says nothing
        shape = tuple(
            len(subject.sample) if n == "natoms" else n for n in all_outputs[name].shapespec
        )
        try:
            value = ask_ase(subject.calculator, subject.sample, name)
        except FAILURES as error:  # what the check is about
            deviations.append(broken(f"{name} is declared and raises {type(error).__name__}"))
            continue
        if value is None:
            deviations.append(broken(f"{name} is declared and comes as None"))
        elif np.shape(value) != shape:
            deviations.append(broken(f"{name} of shape {np.shape(value)}, ASE has {shape}"))
        elif not np.isfinite(value).all():
            deviations.append(broken(f"{name} is not finite"))
    return deviations or [kept(", ".join(declared))]


def undeclared_properties(subject: Subject) -> list[Deviation]:
    """What is not declared is refused with ASE's exception."""
    declared = set(subject.calculator.implemented_properties)
    for name in all_properties:
        if name in declared:
            continue
        try:
            value = ask_ase(subject.calculator, subject.sample, name)
        except NotImplementedError as error:
            if isinstance(error, PropertyNotImplementedError):
                continue
            return [broken(f"{name} raises {type(error).__name__}")]
        return [broken(f"{name} is not declared and comes as {np.shape(value)}")]
    return [kept("all refused")]


def input_unchanged(subject: Subject) -> list[Deviation]:
    """The structure that is asked about is left as it was."""
    image = subject.sample.copy()
    image.info["label"] = "mine"
    image.set_array("own", np.arange(len(image)))
    fixed = FixAtoms([0])
    image.set_constraint(fixed)
    before = image.copy()
    for name in subject.properties("energy", "forces", "stress"):
        subject.calculator.get_property(name, image)
    changed = [
        what
        for what, same in (
            ("positions", np.array_equal(image.positions, before.positions)),
            ("numbers", np.array_equal(image.numbers, before.numbers)),
            ("cell", np.array_equal(image.cell[:], before.cell[:])),
            ("pbc", np.array_equal(image.pbc, before.pbc)),
            ("info", image.info == before.info),
            ("arrays", _same_arrays(image.arrays, before.arrays)),
            ("constraints", [c.todict() for c in image.constraints] == [fixed.todict()]),
            ("calculator", image.calc is None),
        )
        if not same
    ]
    return [broken(f"it changes {', '.join(changed)}")] if changed else [kept("unchanged")]


def _same_arrays(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    # positions and numbers are named on their own
    others = expected.keys() - {"positions", "numbers"}
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name], expected[name]) for name in others
    )


def determinism(subject: Subject) -> list[Deviation]:
    """The same structure gives the same numbers again."""
    names = subject.properties("energy", "forces", "stress")
    other = _nudged(subject.sample)
    first, _, second = subject.ask([subject.sample, other, subject.sample], *names)
    # a hundred roundings are what a sum in another order may cost, on a GPU
    share = float(100 * np.finfo(subject.precision.kind).eps)
    fine = replace(subject.precision, energy=share, forces=share)
    return compare(second, first, fine, "the second time")


def cache(subject: Subject) -> list[Deviation]:
    """Numbers are computed anew when the atoms, the cell or a parameter change, and only then."""
    names = subject.properties("energy", "forces")
    image = subject.sample.copy()
    image.calc = subject.calculator
    deviations = []
    changes = {"positions": _nudged(subject.sample)}
    if image.pbc.all():
        changes["cell"] = subject.sample.copy()
        changes["cell"].set_cell(1.02 * subject.sample.cell[:])
    if len(subject.elements) == 2:
        swapped = dict(zip(subject.elements, subject.elements[::-1], strict=True))
        changes["elements"] = subject.sample.copy()
        changes["elements"].symbols = [swapped[x] for x in subject.sample.symbols]
    for what, changed in changes.items():
        before = _read(image, names)
        image.positions, image.numbers = changed.positions, changed.numbers
        image.set_cell(changed.cell)
        after = _read(image, names)
        # every element may be the same to a potential, but not every distance
        if after.energy == before.energy and what != "elements":
            return [broken(f"the energy stays with other {what}")]
        # all that it could remember differs from the second of these
        if hasattr(subject.calculator, "reset"):
            subject.calculator.reset()
        _, fresh = subject.ask([_nudged(subject.sample, seed=4), changed], *names)
        deviations += compare(after, fresh, subject.precision, f"after other {what}")
        image.positions, image.numbers = subject.sample.positions, subject.sample.numbers
        image.set_cell(subject.sample.cell)
    if "forces" in names:
        kept_forces = image.get_forces(apply_constraint=False)
        expected = kept_forces.copy()
        kept_forces[:] = 0  # the caller's own copy
        again = Evaluation(forces=image.get_forces(apply_constraint=False))
        what = "after the caller has overwritten them"
        deviations += compare(again, Evaluation(forces=expected), subject.precision, what)
    return deviations + _after_set(subject)


def _after_set(subject: Subject) -> list[Deviation]:
    """Change each parameter that is a number: the next energy must be that of the new one."""
    parameters = dict(getattr(subject.calculator, "parameters", None) or {})
    deviations = []
    for name, value in parameters.items():
        if not isinstance(value, float) or not hasattr(subject.calculator, "set"):
            continue
        subject.ask([subject.sample], "energy")
        try:
            subject.calculator.set(**{name: 1.05 * value})
            (after,) = subject.ask([subject.sample], "energy")
            subject.calculator.reset()
            (fresh,) = subject.ask([subject.sample], "energy")
        finally:
            subject.calculator.set(**{name: value})
            subject.calculator.reset()
        deviations += compare(after, fresh, subject.precision, f"after set({name}=...)")
    return deviations


def isolated_atom(subject: Subject) -> list[Deviation]:
    """A single atom in vacuum has a finite energy and no force."""
    deviations = []
    for element in subject.elements:
        found = _read_finite(subject, Atoms(element), f"a single {element}")
        if isinstance(found, Deviation):
            return [found]
        if found.forces is not None:
            force = float(np.abs(found.forces).max())
            text = f"force on a single {element}"
            deviations.append(Deviation(text, force, subject.precision.forces, "eV/Å"))
    return deviations or [kept("finite")]


def dimer(subject: Subject) -> list[Deviation]:
    """Two atoms in vacuum have a finite energy, near each other and far apart."""
    a, b = subject.elements[0], subject.elements[-1]
    for distance in (subject.bond, FAR):
        pair = Atoms([a, b], [[0, 0, 0], [distance, 0, 0]])
        found = _read_finite(subject, pair, f"{a}-{b} at {distance:.1f} Å")
        if isinstance(found, Deviation):
            return [found]
    return [kept("finite")]


def nan_input(subject: Subject) -> list[Deviation]:
    """A position or a cell that is no number is refused, or gives no number."""
    nowhere = subject.sample.copy()
    nowhere.positions[0, 0] = np.nan
    cases = {"positions": nowhere}
    if subject.sample.pbc.all():
        endless = subject.sample.copy()
        cell = endless.cell[:].copy()
        cell[0, 0] = np.nan
        endless.set_cell(cell)
        cases["cell"] = endless
    accepted, refusals = [], []
    for what, image in cases.items():
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                energy = ask_ase(subject.calculator, image, "energy")
        except Exception as error:  # refused, as it should be; how is told
            refusals.append(f"{what}: {brief(error, 60)}")
            continue
        if energy is not None and np.isfinite(energy).all():
            accepted.append(f"NaN in the {what} gives {float(energy):.4g} eV")
    if accepted:
        return [broken("; ".join(accepted))]
    return [kept("; ".join(refusals) or "gives no number")]


def silence(subject: Subject) -> list[Deviation]:
    """Nothing is printed."""
    names = subject.properties("energy", "forces", "stress")
    with warnings.catch_warnings(), captured() as told:
        warnings.simplefilter("ignore")  # a warning is no print
        subject.ask([_nudged(subject.sample)], *names)
    text = " ".join(told[0].split())
    return [broken(f"it prints {text[:60]!r}")] if text else [kept("nothing")]


def batch(subject: Subject) -> list[Deviation]:
    """A batch gives the same numbers as one by one, in the same order."""
    if not hasattr(subject.calculator, "evaluate_batch"):
        raise NotApplicable("it has no evaluate_batch")
    names = subject.properties("energy", "forces", "stress")
    images = [subject.sample, Atoms(subject.elements[0]), _nudged(subject.sample)]
    images.append(subject.sample.repeat((1, 2, 1)) if subject.sample.pbc.all() else images[0])
    together = subject.calculator.evaluate_batch(images, names)
    if len(together) != len(images):
        return [broken(f"{len(together)} results for {len(images)} structures")]
    deviations = []
    for image, found in zip(images, together, strict=True):
        own = [n for n in names if n != "stress" or image.pbc.all()]
        (expected,) = subject.ask([image], *own)
        if found.error is not None:
            return [broken(f"{image.get_chemical_formula()} in a batch: {found.error}")]
        missing = [n for n in own if getattr(found, n) is None]
        if missing:
            return [broken(f"no {missing[0]} in a batch")]
        deviations += compare(found, expected, subject.precision, "in a batch")
    return deviations


def _nudged(atoms: Atoms, seed: int = 3) -> Atoms:
    image = atoms.copy()
    image.rattle(NUDGE, seed=seed)
    return image


def _read(image: Atoms, names: tuple[str, ...]) -> Evaluation:
    forces = image.get_forces(apply_constraint=False) if "forces" in names else None
    return Evaluation(energy=image.get_potential_energy(), forces=forces)


def _read_finite(subject: Subject, atoms: Atoms, what: str) -> Evaluation | Deviation:
    names = [n for n in subject.properties("energy", "forces") if n != "stress"]
    try:
        (found,) = subject.ask([atoms], *names)
    except FAILURES as error:  # what the check is about
        return broken(f"{what}: {type(error).__name__}: {error}")
    for name in names:
        if not np.isfinite(getattr(found, name)).all():
            return broken(f"{what}: {name} is not finite")
    if found.forces is not None and found.forces.dtype.kind != "f":
        return broken(f"{what}: forces of type {found.forces.dtype}, which no script adds to")
    return found
