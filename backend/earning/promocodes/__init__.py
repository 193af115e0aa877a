"""Promo codes: an agent's word that gives a discount to a buyer and a bonus to the agent."""
