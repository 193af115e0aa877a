"""Crash tests: processes are killed under load, then the data is checked."""
