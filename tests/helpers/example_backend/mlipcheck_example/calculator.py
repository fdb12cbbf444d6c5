"""What the row's loader makes."""

from ase.calculators.lj import LennardJones

DEPTHS = {"deep": 1.0, "shallow": 0.1}


class Example(LennardJones):
    """ASE's own, which would return the old energy after ``set`` without this line."""

    discard_results_on_any_change = True


def load(checkpoint: str, *, device: str, dtype: str, sigma: float = 2.0) -> Example:
    """Return the calculator; what it does not take, Python refuses."""
    return Example(epsilon=DEPTHS[checkpoint], sigma=sigma)
