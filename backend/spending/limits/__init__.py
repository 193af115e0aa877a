"""Verification levels, and what the law lets an agent receive."""
