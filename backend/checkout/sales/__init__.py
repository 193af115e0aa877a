"""Quotes, reservations, sales and returns at tills, online and offline."""
