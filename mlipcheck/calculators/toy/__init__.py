"""The toy: a Morse curve learnt badly, learnt well, and known exactly."""
