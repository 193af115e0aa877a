"""Belarus: the unique identifier of a payment document, 24 hexadecimal digits and nothing else."""

import re

from scanning.codes import gs1
from scanning.problem import Problem
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "BY"
OPENINGS = "0123456789abcdef"

# Without a letter it is rather some number: one identifier in 80,000 has none.
_IDENTIFIER = re.compile(r"(?=[0-9]*[A-F])[0-9A-F]{24}", re.ASCII | re.IGNORECASE)


def read(text: str) -> Foreign | None:
    """Raises nothing: there is no check digit."""
    if len(text) != 24 or not _IDENTIFIER.fullmatch(text) or _is_marking(text):
        return None
    identifier = text.upper()
    return Foreign(country=COUNTRY, scheme="by-skno", key=identifier, canonical=identifier, currency="BYN")


def _is_marking(text: str) -> bool:
    """A marking code of Chestny ZNAK (01 GTIN 21 serial) can have 24 such characters as well."""
    try:
        gs1.read_marking(text)
    except Problem:
        return False
    return True
