"""Programmes, products, campaigns and the rules that award points."""
