"""Promo codes: an agent's word that brings a buyer a discount and him a bonus."""
