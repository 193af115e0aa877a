"""Privacy: export and erasure of everything stored about an agent."""
