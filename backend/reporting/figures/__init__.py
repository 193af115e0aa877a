"""Figures by campaign, product, shop, agent and period."""
