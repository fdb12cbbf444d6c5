"""`python -m mlipcheck`."""

from .cli import main

main()
