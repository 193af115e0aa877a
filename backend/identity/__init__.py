"""Identities: accounts of agents, brands and their staff, approvals by a second member of staff."""
