"""Programmes, products, campaigns, and the one door to money."""
