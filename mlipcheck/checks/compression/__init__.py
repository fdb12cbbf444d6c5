"""Compression: neighbours pushed together inside a crystal."""
