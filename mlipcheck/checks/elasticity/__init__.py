"""Elasticity: the energy of a crystal against its volume."""
