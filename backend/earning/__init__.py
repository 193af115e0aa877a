"""How agents earn: scans of package codes, promo codes and receipts, and the units that they own."""
