"""Products of a brand, and their files."""
