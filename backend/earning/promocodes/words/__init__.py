"""Words of promo codes: spelling, ownership, forbidden words."""
