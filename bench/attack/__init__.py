"""`make attack`: attacks by anonymous and abusive callers on a running installation, and their cost to honest ones."""
