"""Single values of a provider's receipt: text, whole numbers, kopecks, quantities, tax numbers, wall time."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from stdnum.ru import inn as tax_number

from scanning.problem import Problem

Record = Mapping[str, object]

MOST_KOPECKS = 281_474_976_710_655  # six bytes: FNS, user guide of 3 September 2019
MOST_NUMBER = 4_294_967_295  # four bytes: document numbers and fiscal signs
_MOST_UNITS = Decimal(10) ** 9
_FINEST = Decimal("0.000001")

_MOSCOW = timezone(timedelta(hours=3))
_MILLISECONDS = 100_000_000_000  # as seconds this would be the year 5138
_YEARS = range(2014, 2101)  # the first trial of online cash registers was in 2014

_WHOLE = re.compile(r"[0-9]{1,20}")
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.[0-9]+)?(Z|[+-][0-9:]{2,6})?"
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})[Tt]([0-9]{2})([0-9]{2})([0-9]{2})?")
_RUSSIAN = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4}) ([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")


class DocumentUnreadable(Problem):
    """A provider's response is not a receipt that we can trust; `code` is the reason for machines."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


def text(value: object, longest: int) -> str:
    """A text in one line, cut to so many characters; "" for anything that is not a text or a number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**20:
        return str(value)[:longest]
    if not isinstance(value, str):
        return ""
    # Lone surrogates and control signs can't be stored; a space keeps the words around them apart.
    return "".join(sign if sign.isprintable() else " " for sign in value[: 2 * longest].strip())[:longest].strip()


def whole(value: object, code: str, *, least: int = 0, most: int = MOST_NUMBER) -> int:
    """A whole number, also as a text of digits or a float without a fraction. Raises DocumentUnreadable(code)."""
    is_written = isinstance(value, str) and _WHOLE.fullmatch(value.strip())
    if is_written or (isinstance(value, float) and value.is_integer()):
        value = int(value)  # type: ignore[call-overload]  # a text of digits or a float, as was just seen
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise DocumentUnreadable(code, "no whole number in its range")
    return value


def kopecks(value: object, code: str) -> int:
    """An amount that the provider gives in kopecks. Raises DocumentUnreadable(code)."""
    return whole(value, code, most=MOST_KOPECKS)


def roubles(value: object, code: str) -> int:
    """An amount in roubles as kopecks, without a float in between. Raises DocumentUnreadable(code)."""
    amount = number(value, code) * 100
    if amount != amount.to_integral_value() or not 0 <= amount <= MOST_KOPECKS:
        raise DocumentUnreadable(code, "no amount in roubles and kopecks")
    return int(amount)


def quantity(value: object) -> Decimal:
    """The number of units, above zero, to the millionth. Raises DocumentUnreadable("quantity_invalid")."""
    amount = number(value, "quantity_invalid")
    if not 0 < amount <= _MOST_UNITS:
        raise DocumentUnreadable("quantity_invalid", "not more than nought, or too much")
    if amount.as_tuple().exponent < -6:  # type: ignore[operator]  # finite, so the exponent is a number
        amount = amount.quantize(_FINEST, ROUND_HALF_UP)
    if not amount:
        raise DocumentUnreadable("quantity_invalid", "less than a millionth")
    return amount


def number(value: object, code: str) -> Decimal:
    """A finite decimal number as it is written. Raises DocumentUnreadable(code)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise DocumentUnreadable(code, "no number")
    if isinstance(value, int) and not -MOST_KOPECKS <= value <= MOST_KOPECKS:
        raise DocumentUnreadable(code, "out of range")
    if isinstance(value, str) and not (len(value) <= 40 and value.isascii() and "_" not in value):
        raise DocumentUnreadable(code, "no number")
    try:
        # A float is printed in its shortest decimal form, which is the text of the JSON.
        amount = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation as error:
        raise DocumentUnreadable(code, "no number") from error
    if not amount.is_finite() or not -20 <= amount.adjusted() <= 20:
        raise DocumentUnreadable(code, "out of range")
    return amount


def open_code(value: object) -> int | None:
    """A code of a list that may grow: any small number, None for anything else."""
    try:
        return whole(value, "", most=9999)
    except DocumentUnreadable:
        return None


def inn(value: object) -> str | None:
    """A tax number of 10 or 12 digits with right check digits; providers pad it with spaces to twelve."""
    digits = text(value, 40)
    return digits if _WHOLE.fullmatch(digits) and tax_number.is_valid(digits) else None


def wall_time(record: Record) -> tuple[datetime, str]:
    """The naive time at the shop and where it came from. Raises DocumentUnreadable("time_invalid").

    Nothing is converted between zones; two sources give an instant that was made from the wall time by
    taking it for Moscow's (FNS mobile) or for UTC (CRPT), which is undone.
    """
    for name, written in (("localDateTime", "local"), ("dateTime", "iso"), ("qrTime", "qr")):
        value = record.get(name)
        if isinstance(value, str) and not _WHOLE.fullmatch(value.strip()):
            at, has_zone = _written_time(value.strip())
            return _within_years(at), "iso_zoned" if has_zone else written
    if record.get("fiscalDate") is not None:
        return _within_years(_parse_instant(record["fiscalDate"], UTC)), "unix_utc_wall"
    return _within_years(_parse_instant(record.get("dateTime"), _MOSCOW)), "unix_moscow"


def _written_time(value: str) -> tuple[datetime, bool]:
    """A written time without its zone, and whether there was one: the wall time as written."""
    if match := _ISO.fullmatch(value):
        form, has_zone = f"{match[1]}T{match[2]}", bool(match[3])
    elif match := _COMPACT.fullmatch(value):
        form, has_zone = f"{match[1]}-{match[2]}-{match[3]}T{match[4]}:{match[5]}:{match[6] or '00'}", False
    elif match := _RUSSIAN.fullmatch(value):
        form, has_zone = f"{match[3]}-{match[2]}-{match[1]}T{match[4]}:{match[5]}:{match[6] or '00'}", False
    else:
        raise DocumentUnreadable("time_invalid", "written in no known form")
    try:
        return datetime.fromisoformat(form), has_zone
    except ValueError as error:
        raise DocumentUnreadable("time_invalid", "no such day or hour") from error


def _parse_instant(value: object, zone: timezone) -> datetime:
    seconds = whole(value, "time_invalid", least=1, most=100 * _MILLISECONDS)
    if seconds > _MILLISECONDS:
        seconds //= 1000
    return datetime.fromtimestamp(seconds, zone).replace(tzinfo=None)


def _within_years(at: datetime) -> datetime:
    if at.year not in _YEARS:
        raise DocumentUnreadable("time_invalid", "before cash registers went online, or far ahead")
    return at
