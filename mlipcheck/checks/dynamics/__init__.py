"""Dynamics: a crystal at constant energy, at two time steps."""
