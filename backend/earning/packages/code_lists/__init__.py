"""Code lists: a brand's own package codes and marked units, imported from files."""
