"""Adsorption: hydrogen on the close-packed faces of metals."""
