"""The check-up, run, and each check alone, ``run --only NAME`` for short."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import checkup, inputs, outputs, saving
from .options import READING, app, options

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from ..checkup.plan import Plan

# what every one of them has
SYSTEM = ("what", "backends", "option", "device")
WORKERS = ("workers", "executor", "timeout")
OUTPUTS = ("out", "markdown", "json", "figures", "verbose", "strict", "uses")
RELAXING = ("fmax", "steps", "optimizer", "cell", "start", "seed")
MOVING = ("temperature", "time", "fits")
LABELLED = ("energy_resolution", "energies", "sample", "independent", "rescale")


@dataclass(frozen=True)
class Command:
    """A command that runs checks: all, or one; ``saver`` is what its option --save does."""

    name: str
    help: str
    example: str
    options: tuple[str, ...]
    check: str | None = None
    saver: saving.Saver | None = None
    hidden: tuple[str, ...] = ()

    def add(self) -> None:
        """Add the command to the application."""

        def command(**given: Any) -> None:
            run(self, **given)

        alone = f": run --only {self.check}" if self.check else ""
        more = "\n\nIt has the options of relax, parity and dynamics, too." if self.hidden else ""
        command.__doc__ = f"{self.help}{alone}.\n\n\b\nExample: {self.example}{more}"
        save = ("save",) if self.saver else ()
        reading = READING if self.check != "interface" else ()
        named = (*SYSTEM, *self.options, *reading, *save, *WORKERS, *OUTPUTS)
        given = options(*named, hidden=self.hidden)
        app.command(self.name)(given(command))


def run(command: Command, **given: Any) -> None:
    """Run checks with what was given on the command line, write and print."""
    from ..checks import read_names
    from ..system import Settings

    def chosen(kind: type) -> dict[str, Any]:
        found = {f.name: given.get(f.name) for f in dataclasses.fields(kind)}
        known = {name: value for name, value in found.items() if value not in (None, [])}
        return {name: tuple(x) if isinstance(x, list) else x for name, x in known.items()}

    given["only"] = read_names(command.check or given.get("only") or ())
    where = outputs.Destination(**chosen(outputs.Destination))
    backends, option, what = (given[name] or [] for name in ("backends", "option", "what"))
    saver, save = command.saver, given.get("save")
    if save is not None and len(backends) > 1:
        raise inputs.mistake(f"--save is of one model, {len(backends)} given; name one")

    def before(calculator: BaseCalculator, plan: Plan) -> None:
        if saver and save is not None:
            read = [*backends, *option, *what]
            outputs.check_writable(str(save), option="--save", inputs=read)
            saver.check(calculator, plan)

    calculators, plans, runs = checkup.run_checks(
        backends or ["toy"],
        what,
        Settings(**chosen(Settings)),
        where,
        option=option,
        device=given["device"],
        before=before,
        **{name: given[name] for name in WORKERS},
    )
    if saver:
        here = not (given["workers"] or given["executor"])  # or else it was loaded by workers alone
        spec = (backends or ["toy"])[0]
        calculator = (
            calculators[0] if here else inputs.load_calculator(spec, given["device"], option)
        )
        saver.finish(calculator, plans[0], runs[0], save, where.json == "-")
    outputs.exit_if_strict(where, runs)


COMMANDS = (
    Command(
        "run",
        "Run the check-up of your system: what may the model be used for, with its evidence",
        "mlipcheck run -b chgnet my_run/ --out report",
        ("only", "quick", "learn", "target", *LABELLED, "reference", "paths", *RELAXING, *MOVING),
        hidden=(
            *("steps", "optimizer", "cell", "start", "seed"),
            *("independent", "rescale", "fits", "temperature"),
        ),
    ),
    Command(
        "contract",
        "Test whether the calculator behaves as an ASE calculator",
        "mlipcheck contract -b ase:emt Cu Al",
        (),
        "interface",
    ),
    Command(
        "dimer",
        "Pull pairs of atoms apart and push them together",
        "mlipcheck dimer -b chgnet Cu O Cu-Si",
        ("reference",),
        "dimers",
    ),
    Command(
        "relax",
        "Relax again what a reference has relaxed (a run, or dcdft, acwf-unaries, wbm-equilibrium, "
        "morse-clusters), and compare",
        "mlipcheck relax -b chgnet vasprun.xml",
        RELAXING,
        "relaxation",
    ),
    Command(
        "parity",
        "Compare energies, forces and stresses with labelled frames",
        "mlipcheck parity -b chgnet my_run/ my_frames.xyz --energy-resolution 0.1",
        (*LABELLED, "seed"),
        "parity",
        saving.FACTOR,
    ),
    Command(
        "dynamics",
        "Run crystals at constant energy, at two time steps",
        "mlipcheck dynamics -b chgnet my.cif --time 10ps --temperature 600",
        (*MOVING, "seed"),
        "dynamics",
    ),
    Command(
        "learn",
        "Zero-shot, fine-tuned, from scratch, by the number of frames",
        "mlipcheck learn -b chgnet my_run/ --sizes 1,3,10 --save tuned.pth",
        ("sizes", "repeats", "seed", "independent", "target", "fits"),
        "learning",
        saving.TUNED,
    ),
)
for each in COMMANDS:
    each.add()
