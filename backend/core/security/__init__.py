"""Tokens, passwords, encryption, one-time passwords, passkeys."""
