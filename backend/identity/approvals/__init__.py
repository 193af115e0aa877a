"""Approvals ("four eyes"): requests of one member of staff that another one approves."""
