"""Dimers: two atoms in vacuum, pulled apart and pushed together."""
