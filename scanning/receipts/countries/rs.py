"""Serbia: the link to the tax administration's page, whose only field is the signed invoice in binary."""

import base64
import binascii
import hashlib
from datetime import UTC, datetime, timedelta
from struct import Struct
from urllib.parse import quote

from scanning.receipts.countries.field_parser import Fields, Link, central_european, in_our_time
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "RS"
HOSTS = ("suf.purs.gov.rs",)
TEST_HOSTS = ("sandbox.suf.purs.gov.rs", "suf.sandbox.purs.gov.rs")

# Version; requester and signer, 8 characters each; two counters; then the amount, little-endian.
_HEAD = Struct("<B8s8sIIQ")
# The time is big-endian, then the kinds of invoice and transaction, and how long the buyer's id is.
_TAIL = Struct(">QBBB")
_BUYER_AT = _HEAD.size + _TAIL.size
_HIDDEN = (256, 512)  # bytes: internal data for the tax administration alone
_SIGNATURE, _MD5 = 256, 16  # bytes
_LONGEST_BUYER = 20  # bytes
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)

_NORMAL_INVOICE = 0  # the others are a pro forma, a copy, a training and an advance: no purchases
_OPERATIONS = {0: 1, 1: 2}


def read(link: Link) -> Foreign | None:
    """vl: base64 of the invoice. Raises ForeignInvalid."""
    fields = Fields.of_query(COUNTRY, link.query)
    if "vl" not in fields:
        return None
    return _read_invoice(link.host, _decode_invoice(fields.text("vl", "[A-Za-z0-9+/_ -]{1,2000}={0,2}")))


def _decode_invoice(text: str) -> bytes:
    """A plus that became a space on the way is a plus again."""
    text = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ForeignInvalid(COUNTRY, "encoding_invalid", "vl is not base64") from error


def _read_invoice(host: str, invoice: bytes) -> Foreign:
    if len(invoice) < _BUYER_AT + _MD5 or hashlib.md5(invoice[:-_MD5]).digest() != invoice[-_MD5:]:  # noqa: S324 - the format's own check sum
        raise ForeignInvalid(COUNTRY, "check_failed", "the code is cut or changed: its MD5 does not fit")
    version, asked, signed, counter, _of_kind, amount = _HEAD.unpack_from(invoice)
    milliseconds, invoice_kind, transaction, buyer_length = _TAIL.unpack_from(invoice, _HEAD.size)
    hidden = len(invoice) - _BUYER_AT - buyer_length - _SIGNATURE - _MD5
    if version != 3 or buyer_length > _LONGEST_BUYER or hidden not in _HIDDEN:
        raise ForeignInvalid(COUNTRY, "field_invalid", "this is no invoice of version 3")
    encoded = quote(base64.b64encode(invoice), safe="")
    return Foreign(
        country=COUNTRY,
        scheme="rs-suf",
        key=f"{_read_name(asked)}-{_read_name(signed)}-{counter}",
        canonical=f"https://{host}/v/?vl={encoded}",
        at=_wall_clock(milliseconds),
        total=_to_minor_units(amount),
        currency="RSD",
        operation=_OPERATIONS.get(transaction) if invoice_kind == _NORMAL_INVOICE else None,
        proof="needs_certificate",
    )


def _read_name(raw: bytes) -> str:
    if not raw.isalnum():
        raise ForeignInvalid(COUNTRY, "field_invalid", "a secure element is named by 8 letters and digits")
    return raw.decode("ascii").upper()


def _to_minor_units(amount: int) -> int:
    """Minor units of an amount in ten-thousandths of a dinar."""
    para, rest = divmod(amount, 100)
    if rest or para >= 10**16:
        raise ForeignInvalid(COUNTRY, "sum_invalid", "the sum is not an amount of money")
    return para


def _wall_clock(milliseconds: int) -> datetime:
    try:
        at = central_european(_UNIX + timedelta(milliseconds=milliseconds)).replace(microsecond=0)
    except OverflowError as error:
        raise ForeignInvalid(COUNTRY, "date_invalid", "this time is beyond the calendar") from error
    return in_our_time(COUNTRY, at)
