"""Learning curves: how many calculations of the user's a model needs."""
