"""Measurements: each prints a ratio against a bound or a peer that was taken in the same run."""
