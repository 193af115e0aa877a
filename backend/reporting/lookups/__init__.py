"""Look-ups of one code, receipt or agent, with reasons."""
