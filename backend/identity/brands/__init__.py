"""Brands and their staff."""
