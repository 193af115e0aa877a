"""The command line: everything an operator or a newcomer types."""
