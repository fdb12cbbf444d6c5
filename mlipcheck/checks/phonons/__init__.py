"""Phonons: displaced cells beside a phonopy file's, or how stable and smooth a crystal is."""
