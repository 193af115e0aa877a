"""Simulators of providers of fiscal data."""
