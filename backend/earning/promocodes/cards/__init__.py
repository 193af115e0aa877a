"""Printable cards of promo codes."""
