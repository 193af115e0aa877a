"""Whoever sells certificates to us over HTTP: one file a supplier, all asked in the same words."""
