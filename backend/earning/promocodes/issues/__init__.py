"""Promo codes issued in bulk."""
