"""Building a guard: the repulsion that closes the holes of a model, from its scans."""
