"""The brand's door."""
