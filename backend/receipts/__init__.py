"""Fiscal receipts: sent by agents, verified through providers, matched to products, credited once."""
