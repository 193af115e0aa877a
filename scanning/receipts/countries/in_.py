"""India: the signed QR code of an e-invoice, a JWT of the invoice registration portal (GST INV-01)."""

import base64
from decimal import Decimal

import msgspec
from stdnum.in_ import gstin

from scanning.receipts.countries import signature_keys
from scanning.receipts.countries.field_parser import Fields, moment, money
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid, Proof

COUNTRY = "IN"
OPENINGS = "e"

_OPERATIONS = {"INV": 1, "CRN": 2}  # a debit note (DBN) is neither


class _Head(msgspec.Struct):
    alg: str


class _Claims(msgspec.Struct):
    data: str


class _Invoice(msgspec.Struct, rename="pascal"):
    seller_gstin: str
    doc_no: str
    doc_typ: str
    doc_dt: str
    tot_inv_val: Decimal
    irn: str


def read(text: str) -> Foreign | None:
    """An invoice between businesses, known by its registration number (IRN). Raises ForeignInvalid."""
    if not text.startswith("eyJ") or text.count(".") != 2:
        return None
    invoice = _parse_invoice(text)
    if invoice is None:
        return None
    fields = Fields(COUNTRY, [("irn", invoice.irn), ("doctyp", invoice.doc_typ), ("seller", invoice.seller_gstin)])
    seller, kind = fields.text("seller", "[0-9A-Za-z]{15}").upper(), fields.text("doctyp", "[A-Za-z]{3}").upper()
    if not gstin.is_valid(seller):
        raise ForeignInvalid(COUNTRY, "check_failed", "the seller's GSTIN has a wrong check digit")
    day, month, year = [*invoice.doc_dt.strip().split("/"), "", ""][:3]
    total = money(COUNTRY, str(invoice.tot_inv_val))
    return Foreign(
        country=COUNTRY,
        scheme="in-einvoice",
        key=fields.text("irn", "[0-9A-Fa-f]{64}").lower(),
        canonical=text,
        at=moment(COUNTRY, f"{year}-{month}-{day}"),
        total=abs(total),
        currency="INR",
        seller=seller,
        operation=_OPERATIONS.get(kind),
        proof="needs_certificate",
    )


def prove(text: str, certificate: signature_keys.Certified) -> Proof:
    """Check the signature (RS256) with the certificate or public key of the portal that made the code.

    Raises ForeignInvalid for a text that is no such invoice, KeyInvalid for a certificate that is none.
    """
    text = text.strip()
    if read(text) is None:
        raise ForeignInvalid(COUNTRY, "field_invalid", "this is no signed invoice")
    signed, _, signature = text.rpartition(".")
    is_genuine = signature_keys.rsa_fits(
        signature_keys.public_key(certificate), _decode_part(signature), signed.encode()
    )
    return "signature_valid" if is_genuine else "signature_invalid"


def _parse_invoice(text: str) -> _Invoice | None:
    """None for a JWT of something else, such as a log-in."""
    head, claims, signature = text.split(".")
    try:
        invoice = msgspec.json.decode(msgspec.json.decode(_decode_part(claims), type=_Claims).data, type=_Invoice)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    try:
        algorithm = msgspec.json.decode(_decode_part(head), type=_Head).alg
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ForeignInvalid(COUNTRY, "encoding_invalid", "the head of the code is damaged") from error
    if algorithm != "RS256" or not _decode_part(signature):
        raise ForeignInvalid(COUNTRY, "field_invalid", "the code is signed with RS256 or not at all")
    return invoice


def _decode_part(part: str) -> bytes:
    """A part of a JWT; what is not base64 becomes nothing, and then fails to be what it should be."""
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
