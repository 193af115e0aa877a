"""Webhooks: delivery of events to a brand's own systems."""
