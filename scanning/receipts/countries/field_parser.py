"""How the fields of foreign receipts are read: ASCII digits only, calendar checks, amounts as integers."""

import base64
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import unquote

from scanning.receipts.countries.foreign import ForeignInvalid

# Digits in front of the decimal sign; the result still fits a database's bigint with three decimals.
_AMOUNT = re.compile(r"(?P<sign>-?)(?P<amount>[0-9]{1,14}(?:[.,][0-9]{0,8})?)", re.ASCII)
_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[Tt_ ]?(\d\d):?(\d\d)(?::?(\d\d))?)?(?:[.,]\d{1,9})?", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 2000, 2099


class Link(NamedTuple):
    """A link in parts: the host in lower case, the path with what may follow a hash, the query unparsed."""

    host: str
    path: str
    query: str


class Fields:
    """The named values of one receipt, each asked for once and checked as it is read.

    Every method raises ForeignInvalid: field_missing, field_repeated, field_invalid, date_invalid, sum_invalid.
    """

    def __init__(self, country: str, pairs: list[tuple[str, str]]) -> None:
        """Take the pairs in any order, names in any case; an unknown name is no harm, a repeated one is."""
        self.country = country
        self._values: dict[str, str] = {}
        for name, value in pairs:
            if self._values.setdefault(name.strip().lower(), value.strip()) != value.strip():
                raise ForeignInvalid(country, "field_repeated", f"{name} is there twice, with two values")

    @classmethod
    def of_query(cls, country: str, query: str) -> "Fields":
        """The fields of a link's query. A plus stays a plus: the links hold time zones and base64, hardly spaces."""
        query, _, _ = query.partition("#")
        parts = [part.partition("=") for part in query.replace("&amp;", "&").split("&")]
        return cls(country, [(unquote(name), unquote(value)) for name, _, value in parts if name])

    def __contains__(self, name: str) -> bool:
        return bool(self._values.get(name))

    def text(self, name: str, pattern: str) -> str:
        """The value, if all of it fits the pattern."""
        value = self._values.get(name, "")
        if not value:
            raise ForeignInvalid(self.country, "field_missing", f"{name} is missing")
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ForeignInvalid(self.country, "field_invalid", f"{name} is not well formed")
        return value

    def optional(self, name: str, pattern: str) -> str | None:
        """The value if it is there, and then it must fit."""
        return self.text(name, pattern) if name in self else None

    def number(self, name: str, most_digits: int) -> int:
        """A number without a sign; leading zeros don't count."""
        return int(self.text(name, rf"[0-9]{{1,{most_digits}}}"))

    def moment(self, name: str) -> datetime:
        """The wall time, in the ISO order with or without separators; a zone behind it is dropped."""
        return moment(self.country, self.text(name, r".{8,35}"))

    def money(self, name: str) -> int:
        """An amount in minor units, of a value in major units; not negative."""
        amount = money(self.country, self.text(name, r".{1,24}"))
        if amount < 0:
            raise ForeignInvalid(self.country, "sum_invalid", "the sum is negative")
        return amount


def moment(country: str, text: str) -> datetime:
    """The wall time in an ISO-like text; a zone after seconds or a fraction is dropped.

    Raises ForeignInvalid: date_invalid.
    """
    match = re.fullmatch(rf"(?:{_TIME.pattern})(?:Z|z|[+ -]\d\d:?\d\d)?", text, re.ASCII)
    if match is None:
        raise ForeignInvalid(country, "date_invalid", "this is no day or time")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        at = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the wall clock
    except ValueError as error:
        raise ForeignInvalid(country, "date_invalid", "this day or time is not in the calendar") from error
    return in_our_time(country, at)


def in_our_time(country: str, at: datetime) -> datetime:
    """The same time, if receipts had such codes then. Raises ForeignInvalid: date_invalid."""
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise ForeignInvalid(country, "date_invalid", "no receipt is from that year")
    return at


def money(country: str, text: str, decimals: int = 2) -> int:
    """An amount in minor units. Only zeros may follow the last minor digit.

    Raises ForeignInvalid: sum_invalid.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ForeignInvalid(country, "sum_invalid", "the sum is not an amount of money")
    amount = Decimal(match["amount"].replace(",", ".").rstrip(".")).scaleb(decimals)
    if amount != int(amount):
        raise ForeignInvalid(country, "sum_invalid", "the sum has parts of the smallest coin")
    return -int(amount) if match["sign"] else int(amount)


def decoded(country: str, text: str) -> bytes:
    """The bytes of a base64 text. Raises ForeignInvalid: encoding_invalid."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ForeignInvalid(country, "encoding_invalid", "a field is not base64") from error


def in_major_units(amount: int) -> str:
    """The amount with a point and two decimals, for canonical texts."""
    return f"{amount // 100}.{amount % 100:02d}"


def central_european(moment_utc: datetime) -> datetime:
    """The wall clock from Berlin to Belgrade: UTC+1, and UTC+2 from the last Sunday of March to that of October.

    Directive 2000/84/EC: both changes happen at 01:00 UTC. Serbia, Montenegro and Albania keep the same hours.
    """
    naive = moment_utc.astimezone(UTC).replace(tzinfo=None) if moment_utc.tzinfo else moment_utc
    is_summer = _last_sunday(naive.year, 3) <= naive < _last_sunday(naive.year, 10)
    return naive + timedelta(hours=2 if is_summer else 1)


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1)  # noqa: DTZ001 - UTC; both months have 31 days
    return last - timedelta(days=last.isoweekday() % 7)
