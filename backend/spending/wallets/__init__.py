"""Balances, movements and what explains them."""
