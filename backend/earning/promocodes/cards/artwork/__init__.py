"""Cards to share a promo code by: pure drawing as PNG, SVG and PDF, each read back before anybody gets it."""
