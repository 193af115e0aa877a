"""Simulators of suppliers of partner certificates."""
