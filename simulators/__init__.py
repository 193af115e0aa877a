"""Simulators of outside services over real HTTP, for tests, the demo and integrators."""
