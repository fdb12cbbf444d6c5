"""Relaxation: what a reference has relaxed is relaxed again with the model."""
