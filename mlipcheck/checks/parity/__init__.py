"""Parity: energies, forces and stresses against those of labelled frames."""
