"""How a calculator behaves: what it delivers and refuses, remembers, changes and prints."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError, all_properties
from ase.constraints import FixAtoms

from ...calculators.base import Evaluation, brief
from .precision import Deviation, NotApplicable, compare
from .subject import CalculatorError, Subject, calling, nudged

FAR = 12.0  # Å; beyond the range of most models


def declared_properties(subject: Subject) -> list[Deviation]:
    """What is declared is delivered, finite and in ASE's shape."""
    declared = subject.properties(*subject.calculator.implemented_properties)
    if "energy" not in subject.calculator.implemented_properties:
        return [Deviation("no energy is declared")]
    problems = [Deviation(f"{n} is declared and {x}") for n, x in subject.problems.items()]
    return problems or [Deviation(", ".join(declared), 0.0)]


def undeclared_properties(subject: Subject) -> list[Deviation]:
    """What is not declared is refused with ASE's exception."""
    for name in all_properties:
        if name in subject.calculator.implemented_properties:
            continue
        try:
            value = subject.get(subject.sample, name)
        except CalculatorError as error:
            if isinstance(error.__cause__, PropertyNotImplementedError):
                continue
            if isinstance(error.__cause__, NotImplementedError):
                return [Deviation(f"{name} raises {type(error.__cause__).__name__}")]
            raise
        return [Deviation(f"{name} is not declared and comes as {np.shape(value)}")]
    return [Deviation("all refused", 0.0)]


def energies(subject: Subject) -> list[Deviation]:
    """The energies of the atoms sum to the energy."""
    subject.require("energy", "energies")
    total = float(np.sum(subject.get(subject.sample, "energies")))
    energy = float(subject.get(subject.sample, "energy"))
    tolerance = subject.precision.energy * max(abs(energy), len(subject.sample))
    text = f"the energies sum to {total:.6g} eV, the energy is {energy:.6g} eV"
    return [Deviation(text, abs(total - energy), tolerance, "eV")]


def input_unchanged(subject: Subject) -> list[Deviation]:
    """The structure that is asked about is left as it was."""
    image = subject.sample.copy()
    image.info["label"] = "mine"
    image.set_array("own", np.arange(len(image)))
    fixed = FixAtoms([0])
    image.set_constraint(fixed)
    before = image.copy()
    for name in subject.properties("energy", "forces", "stress"):
        with calling():
            subject.calculator.get_property(name, image)
    names = sorted(before.arrays.keys() | image.arrays.keys())
    arrays = ((n, np.array_equal(image.arrays.get(n), before.arrays.get(n))) for n in names)
    others = (
        ("cell", np.array_equal(image.cell[:], before.cell[:])),
        ("pbc", np.array_equal(image.pbc, before.pbc)),
        ("info", image.info == before.info),
        ("constraints", [c.todict() for c in image.constraints] == [fixed.todict()]),
        ("calculator", image.calc is None),
    )
    changed = ", ".join(what for what, same in (*arrays, *others) if not same)
    return [Deviation(f"it changes {changed}")] if changed else [Deviation("unchanged", 0.0)]


def determinism(subject: Subject) -> list[Deviation]:
    """The same structure gives the same numbers again."""
    names = subject.properties("energy", "forces", "stress")
    sample, precision = subject.sample, subject.precision
    first, _, second = subject.ask([sample, nudged(sample), sample], *names)
    fine = replace(precision, energy=precision.repeat, forces=precision.repeat)
    return compare(second, first, fine, f"the second time, as {precision.kind}")


def cache(subject: Subject) -> list[Deviation]:
    """Numbers are computed anew when the atoms, the cell or a parameter change, and only then."""
    names = subject.properties("energy", "forces")
    sample = subject.sample
    image = sample.copy()
    image.calc = subject.calculator
    deviations = []
    changes = {"positions": nudged(sample)}
    if subject.periodic:
        changes["cell"] = sample.copy()
        changes["cell"].set_cell(1.02 * sample.cell[:])
    if len(subject.elements) == 2:
        swapped = dict(zip(subject.elements, subject.elements[::-1], strict=True))
        changes["elements"] = sample.copy()
        changes["elements"].symbols = [swapped[x] for x in sample.symbols]
    for what, changed in changes.items():
        before = _read(image, names)
        _become(image, changed)
        after = _read(image, names)
        # every element may be the same to a potential, but not every distance
        if after.energy == before.energy and what != "elements":
            return [Deviation(f"the energy stays with other {what}")]
        # all that it could remember differs from the second of these
        subject.reset()
        _, fresh = subject.ask([nudged(sample, seed=4), changed], *names)
        deviations += compare(after, fresh, subject.precision, f"after other {what}")
        _become(image, sample)
    if "forces" in names:
        own = image.get_forces(apply_constraint=False)
        expected = Evaluation(forces=own.copy())
        own[:] = 0  # the caller's own copy
        what = "after the caller has overwritten them"
        deviations += compare(_read(image, ("forces",)), expected, subject.precision, what)
    return deviations + _after_set(subject)


def _become(image: Atoms, other: Atoms) -> None:
    image.positions, image.numbers = other.positions, other.numbers
    image.set_cell(other.cell)


def _read(image: Atoms, names: tuple[str, ...]) -> Evaluation:
    with calling():
        forces = image.get_forces(apply_constraint=False) if "forces" in names else None
        energy = image.get_potential_energy() if "energy" in names else None
    return Evaluation(energy=energy, forces=forces)


def _after_set(subject: Subject) -> list[Deviation]:
    """Change each parameter that is a number: the next energy must be that of the new one."""
    parameters = dict(getattr(subject.calculator, "parameters", None) or {})
    deviations = []
    for name, value in parameters.items():
        if not isinstance(value, float) or not hasattr(subject.calculator, "set"):
            continue
        subject.ask([subject.sample], "energy")
        try:
            with calling():
                subject.calculator.set(**{name: 1.05 * value})
            (after,) = subject.ask([subject.sample], "energy")
            subject.reset()
            (fresh,) = subject.ask([subject.sample], "energy")
        finally:
            with calling():
                subject.calculator.set(**{name: value})
            subject.reset()
        deviations += compare(after, fresh, subject.precision, f"after set({name}=...)")
    return deviations


def isolated_atom(subject: Subject) -> list[Deviation]:
    """A single atom in vacuum has a finite energy and no force."""
    deviations = []
    for element in subject.elements:
        found = _ask_finite(subject, Atoms(element), f"a single {element}")
        if found.forces is not None:
            force = float(np.abs(found.forces).max())
            text = f"force on a single {element}"
            deviations.append(Deviation(text, force, subject.precision.forces, "eV/Å"))
    return deviations or [Deviation("finite", 0.0)]


def dimer(subject: Subject) -> list[Deviation]:
    """Two atoms in vacuum have a finite energy, near each other and far apart."""
    a, b = subject.elements[0], subject.elements[-1]
    for distance in (subject.bond, FAR):
        pair = Atoms([a, b], [[0, 0, 0], [distance, 0, 0]])
        _ask_finite(subject, pair, f"{a}-{b} at {distance:.1f} Å")
    return [Deviation("finite", 0.0)]


def _ask_finite(subject: Subject, atoms: Atoms, what: str) -> Evaluation:
    names = subject.properties("energy", "forces")
    try:
        (found,) = subject.ask([atoms], *names)
    except CalculatorError as error:
        raise CalculatorError(f"{what}: {error}") from error
    for name in names:
        if not np.isfinite(getattr(found, name)).all():
            raise CalculatorError(f"{what}: {name} is not finite")
    if found.forces is not None and found.forces.dtype.kind != "f":
        raise CalculatorError(f"{what}: forces of type {found.forces.dtype}, not floating")
    return found


def nan_input(subject: Subject) -> list[Deviation]:
    """A position or a cell that is not a number is refused, or gives no number."""
    cases = {"positions": subject.sample.copy()}
    cases["positions"].positions[0, 0] = np.nan
    if subject.periodic:
        cases["cell"] = subject.sample.copy()
        cases["cell"].cell[0, 0] = np.nan
    accepted, refusals = [], []
    for what, image in cases.items():
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                energy = subject.get(image, "energy")
        except CalculatorError as error:
            if not isinstance(error.__cause__, Exception):
                raise  # to exit is no refusal
            refusals.append(f"{what}: {brief(error.__cause__, 60)}")
            continue
        if energy is not None and np.isfinite(energy).all():
            accepted.append(f"NaN in the {what} gives {float(energy):.4g} eV")
    if accepted:
        return [Deviation("; ".join(accepted))]
    return [Deviation("; ".join(refusals) or "gives no number", 0.0)]


def silence(subject: Subject) -> list[Deviation]:
    """Nothing is printed."""
    names = subject.properties("energy", "forces", "stress")
    with warnings.catch_warnings(), _captured() as printed:
        warnings.simplefilter("ignore")  # a warning is no print
        subject.ask([nudged(subject.sample)], *names)
    text = " ".join(printed[0].split())
    return [Deviation(f"it prints {text[:60]!r}")] if text else [Deviation("nothing", 0.0)]


@contextlib.contextmanager
def _captured() -> Iterator[list[str]]:
    """Yield a list that holds afterwards what Python and compiled code have written."""
    printed: list[str] = []
    streams = [x for x in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) if x is not None]

    def flush() -> None:
        for stream in streams:
            stream.flush()

    flush()  # what was printed before is not the calculator's, and must not be lost
    with contextlib.ExitStack() as restored:
        try:
            file = restored.enter_context(tempfile.TemporaryFile("a+", errors="replace"))
        except OSError as error:
            raise NotApplicable(f"no temporary file can be made: {error.strerror}") from error
        for descriptor in (1, 2):
            own = os.dup(descriptor)
            restored.callback(os.close, own)
            restored.callback(os.dup2, own, descriptor)
            os.dup2(file.fileno(), descriptor)
        restored.callback(flush)
        with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
            yield printed
        flush()
        file.seek(0)
        printed.append(file.read())


def batch(subject: Subject) -> list[Deviation]:
    """A batch gives the same numbers as one by one, in the same order."""
    if not hasattr(subject.calculator, "evaluate_batch"):
        raise NotApplicable("it has no evaluate_batch")
    names = subject.properties("energy", "forces", "stress")
    images = [subject.sample, Atoms(subject.elements[0]), nudged(subject.sample)]
    images.append(subject.sample.repeat((1, 2, 1)) if subject.periodic else images[0])
    with calling():
        together = subject.calculator.evaluate_batch(images, names)
    if len(together) != len(images):
        return [Deviation(f"{len(together)} results for {len(images)} structures")]
    deviations = []
    for image, found in zip(images, together, strict=True):
        own = [n for n in names if n != "stress" or image.pbc.all()]
        (expected,) = subject.ask([image], *own)
        if found.error is not None:
            return [Deviation(f"{image.get_chemical_formula()} in a batch: {found.error}")]
        if missing := [n for n in own if getattr(found, n) is None]:
            return [Deviation(f"no {missing[0]} in a batch")]
        deviations += compare(found, expected, subject.precision, "in a batch")
    return deviations
