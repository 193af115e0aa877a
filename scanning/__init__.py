"""Reads codes from texts and pictures and parses them. Pure: no database, no network, no clock."""
