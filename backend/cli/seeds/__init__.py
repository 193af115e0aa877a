"""The demo brand of a new installation."""
