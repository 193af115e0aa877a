"""Codes of partner certificates in stock, imported by staff."""
