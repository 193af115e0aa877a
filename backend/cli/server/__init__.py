"""Commands that start, prepare and migrate an installation."""
