"""The row alone: what it names is imported when somebody asks for it."""

from mlipcheck.extend import Backend, Checkpoint

BACKEND = Backend(
    name="example",
    loader="mlipcheck_example.calculator:load",
    summary="Two depths of one Lennard-Jones well",
    citation="Lennard-Jones, Proc. R. Soc. A 106, 463 (1924)",
    checkpoints=(
        Checkpoint("deep", "Lennard-Jones, 1 eV", "own", "MIT"),
        Checkpoint("shallow", "Lennard-Jones, 0.1 eV", "own", "MIT"),
    ),
    package="mlipcheck_example",
    distribution="mlipcheck-example",
    takes_options=True,
)
