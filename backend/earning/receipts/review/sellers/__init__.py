"""Which shops count: their tax numbers, allowed or excluded."""
