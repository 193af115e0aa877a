"""Notifications: webhooks of brands, event streams of orders and receipts."""
