"""What ASE lists of mlipcheck: the entry point ``ase.plugins`` names this module.

ASE's plug-in system is new in 3.29 and private. An ASE without it, or with another one, finds
nothing here, and nothing breaks.
"""

from __future__ import annotations

import functools
from typing import Any

NAMES = ("toy", "chgnet", "sevennet", "mattersim", "mace")


# ASE looks for the name below while its own package is still being imported, so that an import at
# the top of this module would end in a circle, and in a list without our calculators.
def __getattr__(name: str) -> Any:
    if name != "__ase_plugins__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _plugins()


@functools.cache
def _plugins() -> frozenset[Any]:
    from .calculators.backends import get_backend

    try:
        from ase._4.plugins.plugin import CalculatorPlugin

        make = {name: functools.partial(_make_class, name) for name in NAMES}
        return frozenset(
            CalculatorPlugin(name, citation=get_backend(name).citation, implementation=make[name])
            for name in NAMES
        )
    except (ImportError, TypeError):  # no plug-ins yet, or others
        return frozenset()


def _make_class(backend: str) -> type:
    """Return what ASE takes for a calculator's class, when a user asks for the implementation."""
    from ase.calculators.calculator import BaseCalculator

    from .calculators.registry import get_calculator

    def new(cls: type, checkpoint: str = "", **options: Any) -> BaseCalculator:
        """Return ``get_calculator("backend:checkpoint", **options)``."""
        return get_calculator(f"{backend}:{checkpoint}".rstrip(":"), **options)

    # ASE wants a class; which class a calculator has depends on its backend
    return type(backend, (BaseCalculator,), {"__new__": new, "__module__": __name__})
