"""Second factors of staff: one-time passwords, passkeys, recovery codes."""
