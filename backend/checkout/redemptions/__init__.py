"""The feed of an agent's redemptions."""
