"""Surfaces: slabs beside a reference, and crystals cut in two."""
