"""Marking codes whose separators were lost: where the serial number may end.

The crypto tail of Chestny ZNAK is 93 with four characters, or 91 with four and 92 with 44 or 88. Dates (11 to 17), a
weight (310), a price (8005) and an hour (7003) may come before or after it; all of these have a fixed length.
"""

import re

_DAY = r"[23][0-9](?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])"  # YYMMDD from 2020; 00 is the last day of a month
_FIXED = rf"(?:8005[0-9]{{6}}|1[1-7]{_DAY}|310[0-5][0-9]{{6}}|7003{_DAY}[0-2][0-9][0-5][0-9])"
# Of a separator, written out in signs that a serial number may have.
_NAME = r"(?:GS|gs|FNC1|fnc1|[=x/%]1[Dd]|/GS|>8|<[A-Za-z0-9/+]{1,6}>)?"
_WHOLE = re.compile(
    rf"(?:{_NAME}{_FIXED})*{_NAME}(?:93.{{4}}|91.{{4}}{_NAME}92(?:.{{88}}|.{{44}}))(?:{_NAME}{_FIXED})*"
)
_BEFORE_CRYPTO = re.compile(rf"{_FIXED}+")
_BEFORE_92 = re.compile(rf"{_FIXED}*91.{{4}}{_FIXED}*")
MAX_SERIAL_LENGTH = 20


def is_tail(text: str) -> bool:
    """Whether a text is a whole tail without separators."""
    return _WHOLE.fullmatch(text) is not None


def serials(value: str, others: frozenset[str]) -> tuple[str, ...]:
    """All possible serial numbers in the value of 21, given which further identifiers the separators delimit.

    The longest comes first. Empty if the value is too long and contains no tail.
    """
    if "92" in others and "91" not in others:
        return _value_before_tail(value, _BEFORE_92) or _whole_value(value)
    has_tail = "93" in others or {"91", "92"} <= others
    return _whole_value(value) + _value_before_tail(value, _BEFORE_CRYPTO if has_tail else _WHOLE)


def _whole_value(value: str) -> tuple[str, ...]:
    return (value,) if 0 < len(value) <= MAX_SERIAL_LENGTH else ()


def _value_before_tail(value: str, tail: re.Pattern[str]) -> tuple[str, ...]:
    longest = min(len(value) - 1, MAX_SERIAL_LENGTH)
    return tuple(value[:end] for end in range(longest, 0, -1) if tail.fullmatch(value, end))
