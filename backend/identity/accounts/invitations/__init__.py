"""Invitations of further devices of an account."""
