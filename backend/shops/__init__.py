"""Shops and their tills: they belong to no brand and may serve several."""
