"""The product: doors, features and faces over scanning and payouts."""
