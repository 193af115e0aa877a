"""Shops and their tills: a shop belongs to no brand and may serve several."""
