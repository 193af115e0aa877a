"""Scans: a text or a picture comes in, its codes are recognised and credited."""
