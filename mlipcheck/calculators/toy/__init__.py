"""The toy: a Morse curve learned badly, learned well, and known exactly."""
