"""`python -m mlipcheck`."""

from .cli import main

if __name__ == "__main__":  # workers of MPI import it under another name
    main()
