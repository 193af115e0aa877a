"""Campaigns, their versions and budgets."""
