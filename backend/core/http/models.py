"""Base structs of requests and responses, patterns of texts, and what handlers have injected."""

from datetime import datetime

import msgspec
from litestar.di import NamedDependency

from backend.core.settings import Settings

# Patterns that Python and the OpenAPI read alike: one line, one with something to read in it, a key in an address.
# Python's `$` lets a line's end stand behind it, and others' does not: so `(?!\n)` goes before.
LINE_OR_NOTHING = r"^[^\x00-\x1f\x7f]*(?!\n)$"
# What Python strips off at the ends, and what cannot be read: a text of nothing else would be stored as an empty one.
BLANK = r"\x00-\x20\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
LINE = rf"^[^\x00-\x1f\x7f]*[^{BLANK}][^\x00-\x1f\x7f]*(?!\n)$"
KEY = r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}(?!\n)$"
CurrentSettings = NamedDependency[Settings]
Now = NamedDependency[datetime]


class RequestModel(msgspec.Struct, forbid_unknown_fields=True):
    """What a client sends: an unknown field is a mistake that we name."""

    def __post_init__(self) -> None:
        # PostgreSQL keeps no NUL in a text; here it becomes a 400 that names the field.
        for name in self.__struct_fields__:
            if _holds_nul(getattr(self, name)):
                raise ValueError(f"`{name}` holds a NUL character")


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(map(_holds_nul, value))


class ResponseModel(msgspec.Struct, omit_defaults=True):
    """A response body. Empty fields are omitted, since mobile clients pay for bytes."""
