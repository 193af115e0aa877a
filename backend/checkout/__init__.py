"""Checkout: quotes, reservations, sales, returns, and what brands owe shops."""
