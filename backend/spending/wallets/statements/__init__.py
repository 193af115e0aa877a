"""Statements of a wallet with proofs."""
