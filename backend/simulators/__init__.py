"""Stand-ins for the outside services, over real HTTP: for tests, the demo, and whoever integrates."""
