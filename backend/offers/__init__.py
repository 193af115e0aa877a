"""Spending: the shop window, orders, what fulfils them, and own certificates."""
