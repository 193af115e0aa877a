"""Imports of files: a dry run with a stored report by default, applied by its id."""
