"""Codes: package codes and their cipher, GS1 marking codes, typed symbols."""
