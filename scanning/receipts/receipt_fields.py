"""A Russian fiscal receipt as its QR code states it, and the checks of each field.

The QR code is prescribed by federal law 54-FZ, article 4.7; ranges follow the tax service's guide to its interface
for receipt data (2019): numbers of documents and signs are of 32 bits, sums of 48 bits in kopecks.
"""

import re
from datetime import datetime

import msgspec

from scanning.problem import DateInvalid, FdInvalid, FnInvalid, FpInvalid, OperationInvalid, SumInvalid

LARGEST_NUMBER = 2**32 - 1
LARGEST_TOTAL = 2**48 - 1  # kopecks

_DIGITS = re.compile(r"[0-9]+")
_DRIVE = re.compile(r"[0-9]{16}")
_TOTAL = re.compile(r"0*([0-9]{1,13})(?:[.,]([0-9]{1,2}))?")
# The letter between day and time as a Russian keyboard may give it: Cyrillic Te, or Ie, which shares a key with T.
_MOMENT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})[TtТтЕе]([0-9]{2})([0-9]{2})([0-9]{2})?")


class Receipt(msgspec.Struct, frozen=True):
    """The six requisites of a QR code. Nothing in them can be proved without asking the tax service.

    at: the wall clock of the shop, without a zone. total: kopecks. fn: the fiscal drive, 16 digits. fd: the number of
    the document on that drive. fp: the fiscal sign. operation: 1 sale, 2 return of a sale, 3 purchase, 4 its return.
    """

    at: datetime
    total: int
    fn: str
    fd: int
    fp: int
    operation: int

    @property
    def identity(self) -> str:
        """The identity of the document: drive and number, whatever the other fields are."""
        return f"{self.fn}:{self.fd}"

    @property
    def canonical(self) -> str:
        """The one spelling to store and to send on. It has seconds only if they are not zero.

        Most tills leave seconds out or write zeros, so those two spellings become one.
        """
        at = f"{self.at:%Y%m%dT%H%M%S}" if self.at.second else f"{self.at:%Y%m%dT%H%M}"
        rubles, kopecks = divmod(self.total, 100)
        # A year before 1000 loses its leading zeros in some C libraries.
        return (
            f"t={at.zfill(15 if self.at.second else 13)}&s={rubles}.{kopecks:02}"
            f"&fn={self.fn}&i={self.fd}&fp={self.fp}&n={self.operation}"
        )


def drive(text: str) -> str:
    """The number of the fiscal drive, 16 digits. Raises FnInvalid."""
    if not _DRIVE.fullmatch(text):
        raise FnInvalid(f"the fiscal drive number (FN) has 16 digits, not {text[:20]!r}")
    return text


def document(text: str) -> int:
    """The number of the fiscal document, 1 to 4,294,967,295; leading zeros don't count. Raises FdInvalid."""
    number = _number(text)
    if number is None:
        raise FdInvalid(f"the document number (FD) is from 1 to {LARGEST_NUMBER}, not {text[:20]!r}")
    return number


def sign(text: str) -> int:
    """The fiscal sign, 1 to 4,294,967,295; leading zeros don't count. Raises FpInvalid."""
    number = _number(text)
    if number is None:
        raise FpInvalid(f"the fiscal sign (FP) is from 1 to {LARGEST_NUMBER}, not {text[:20]!r}")
    return number


def operation(text: str) -> int:
    """1 sale, 2 return of a sale, 3 purchase, 4 return of a purchase. Raises OperationInvalid."""
    number = _number(text)
    if number is None or number > 4:
        raise OperationInvalid(f"the kind of operation is 1, 2, 3 or 4, not {text[:20]!r}")
    return number


def total(text: str) -> int:
    """Rubles, with a point or comma before one or two digits of kopecks or with neither; in kopecks.

    A number without a point is rubles, always: to guess would be wrong by a hundredfold. Raises SumInvalid.
    """
    match = _TOTAL.fullmatch(text)
    kopecks = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else -1
    if not 0 <= kopecks <= LARGEST_TOTAL:
        raise SumInvalid(f"the sum is in rubles, such as 1285.21, not {text[:20]!r}")
    return kopecks


def moment(text: str) -> datetime:
    """YYYYMMDDTHHMM, perhaps with seconds, as the shop's clock showed it. Raises DateInvalid."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise DateInvalid(f"the time is written like 20240917T1801, not {text[:20]!r}")
    return calendar(*(int(part or 0) for part in match.groups()))


def calendar(year: int, month: int, day: int, hour: int, minute: int, second: int = 0) -> datetime:
    """This moment of a wall clock. Raises DateInvalid where no calendar has it."""
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the shop's zone is not known
    except ValueError as error:
        raise DateInvalid(f"no calendar has this time: {error}") from error


def _number(text: str) -> int | None:
    if not _DIGITS.fullmatch(text):
        return None
    text = text.lstrip("0")
    return int(text) if 0 < len(text) <= 10 and int(text) <= LARGEST_NUMBER else None
