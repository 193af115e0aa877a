"""Webhooks: events told to a brand's own systems."""
