"""Lines that staff name or read: wordings of products, and receipts that only people can read."""
