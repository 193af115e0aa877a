"""The product, built on `scanning` and `payouts`."""
