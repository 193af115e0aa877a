"""The background work."""
