"""Paths: barriers, works of separation and other heights along a user's own images."""
