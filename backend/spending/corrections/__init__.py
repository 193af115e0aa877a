"""Corrections of wallets by staff, with a reason and four eyes."""
