"""Austria: the machine-readable code of the cash register decree (RKSV), signed with ES256."""

import base64
import re
from typing import NamedTuple

from scanning.receipts.countries import signature_keys
from scanning.receipts.countries.field_parser import decoded, moment, money
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid, Proof

COUNTRY = "AT"
OPENINGS = "_"

# RKSV, annex, chapter 4 and 5: the signature covers a JWS (RFC 7515) of this head and the line.
_JWS_HEAD = base64.urlsafe_b64encode(b'{"alg":"ES256"}').rstrip(b"=")
# In place of a signature: "Sicherheitseinrichtung ausgefallen", the device is out of order.
_OUT_OF_ORDER = b"Sicherheitseinrichtung ausgefallen"
_CANCELLED, _TRAINING = b"STO", b"TRA"  # in place of the encrypted turnover
_SELLER = re.compile(r"U:(ATU[0-9]{8})", re.ASCII)


class _Line(NamedTuple):
    """The fields of the line, in its order."""

    suite: str
    till: str
    receipt: str
    at: str
    sum_normal: str
    sum_reduced_1: str
    sum_reduced_2: str
    sum_nought: str
    sum_special: str
    turnover: str
    certificate: str
    previous: str
    signature: str

    @property
    def sums(self) -> tuple[str, ...]:
        return self[4:9]

    @property
    def signed(self) -> bytes:
        """What the signature covers."""
        line = f"_{'_'.join(self[:-1])}".encode()
        return _JWS_HEAD + b"." + base64.urlsafe_b64encode(line).rstrip(b"=")


def read(text: str) -> Foreign | None:
    """The line _R1-AT..., its five sums added up. Raises ForeignInvalid."""
    if not re.match(r"_R[0-9]-AT[0-9]", text, re.ASCII):
        return None
    line = _parse_line(text)
    total = sum(money(COUNTRY, amount) for amount in line.sums)
    turnover = decoded(COUNTRY, line.turnover)
    signature = decoded(COUNTRY, line.signature)
    seller = _SELLER.match(line.certificate)
    certificate = line.certificate if seller else line.certificate.lower().lstrip("0")
    return Foreign(
        country=COUNTRY,
        scheme="at-rksv",
        key=f"{certificate}:{line.till}:{line.receipt}",
        canonical=f"_{'_'.join(line)}",
        at=moment(COUNTRY, line.at),
        total=abs(total),
        currency="EUR",
        seller=seller[1] if seller else None,
        operation=_operation_kind(turnover, total),
        proof="none" if signature == _OUT_OF_ORDER else "needs_certificate",
    )


def prove(text: str, certificate: signature_keys.Certified) -> Proof:
    """Check the signature with the certificate of the shop's signature device, or with its public key.

    A certificate with another serial number than the receipt names proves nothing: needs_certificate.
    Raises ForeignInvalid for a text that is no such receipt, KeyInvalid for a certificate that is none.
    """
    line = _parse_line(text)
    signature = decoded(COUNTRY, line.signature)
    if signature == _OUT_OF_ORDER:
        return "none"
    serial = signature_keys.serial_number(certificate)
    if serial is not None and re.fullmatch(r"[0-9a-fA-F]+", line.certificate) and int(line.certificate, 16) != serial:
        return "needs_certificate"
    is_genuine = signature_keys.ecdsa_fits(signature_keys.public_key(certificate), signature, line.signed, "SHA256")
    return "signature_valid" if is_genuine else "signature_invalid"


def _parse_line(text: str) -> _Line:
    parts = text.strip().split("_")
    if len(parts) != 1 + len(_Line._fields) or parts[0]:
        raise ForeignInvalid(COUNTRY, "field_missing", "the line has 13 fields, each behind a low line")
    line = _Line(*parts[1:])
    if not re.fullmatch(r"R1-AT[0-9]{1,2}", line.suite, re.ASCII) or not all(line) or not text.strip().isprintable():
        raise ForeignInvalid(COUNTRY, "field_invalid", "the line is not well formed")
    return line


def _operation_kind(turnover: bytes, total: int) -> int | None:
    if turnover == _TRAINING:
        return None
    return 2 if turnover == _CANCELLED or total < 0 else 1
