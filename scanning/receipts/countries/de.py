"""Germany: the QR code of a receipt under KassenSichV (DSFinV-K, annex I), signed by the till's security device."""

import hashlib
import re
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from scanning.receipts.countries import der, signature_keys
from scanning.receipts.countries.field_parser import central_european, decoded, moment, money
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid, Proof

COUNTRY = "DE"
OPENINGS = "v"

# BSI TR-03151, chapter on log messages; the names of TR-03111.
_TRANSACTION_LOG = "0.4.0.127.0.7.3.7.1.1"
_ALGORITHMS = {
    "ecdsa-plain-sha256": ("0.4.0.127.0.7.1.1.4.1.3", "SHA256"),
    "ecdsa-plain-sha384": ("0.4.0.127.0.7.1.1.4.1.4", "SHA384"),
    "ecdsa-plain-sha512": ("0.4.0.127.0.7.1.1.4.1.5", "SHA512"),
}
# By the length of the point; where there are two, the point lies on one of them only.
_CURVES: dict[int, tuple[type[ec.EllipticCurve], ...]] = {
    65: (ec.SECP256R1, ec.BrainpoolP256R1),
    97: (ec.BrainpoolP384R1, ec.SECP384R1),
    129: (ec.BrainpoolP512R1,),
}
_VAT_RATES = 5
_SALE, _CANCELLED = "beleg", "avbelegstorno"


class _Code(NamedTuple):
    """The fields of the code, in its order."""

    version: str
    till: str
    process_type: str
    process: str
    transaction: str
    counter: str
    started: str
    finished: str
    algorithm: str
    time_format: str
    signature: str
    public_key: str


def read(text: str) -> Foreign | None:
    """V0;till;Kassenbeleg-V1;Beleg^sums by VAT rate^payments;... Raises ForeignInvalid.

    The proof uses the public key in the code itself: it shows that the device with that key signed the receipt, not
    that the device is certified. See prove.
    """
    if not re.match(r"V0;", text, re.IGNORECASE):
        return None
    code = _parse_code(text)
    kind, total = _receipt_total(code)
    device = hashlib.sha256(decoded(COUNTRY, code.public_key)).hexdigest()
    return Foreign(
        country=COUNTRY,
        scheme="de-kassensichv",
        key=f"{device}:{int(code.transaction)}",
        canonical=";".join(("V0", *code[1:])),
        at=_wall_clock(code.finished),
        total=None if total is None else abs(total),
        currency="EUR",
        operation=_operation_kind(kind, total),
        proof=_verify_proof(code),
    )


def prove(text: str, certificate: signature_keys.Certified) -> Proof:
    """Check the signature with the certificate of the security device, or with its public key.

    A certificate for another key than the one in the code proves nothing: needs_certificate. Whether the
    certificate itself comes from a certified maker is for the caller to check.
    Raises ForeignInvalid for a text that is no such receipt, KeyInvalid for a certificate that is none.
    """
    code = _parse_code(text)
    given = signature_keys.public_key(certificate)
    inside = _public_key(code)
    if inside is None or not isinstance(given, ec.EllipticCurvePublicKey) or given != inside:
        return "needs_certificate"
    return _verify_proof(code)


def _parse_code(text: str) -> _Code:
    # The texts of payments could hold a semicolon; no maker is known to print one.
    parts = text.strip().split(";")
    if len(parts) != len(_Code._fields):
        raise ForeignInvalid(COUNTRY, "field_missing", "the code has 12 fields between semicolons")
    code = _Code(*parts)
    if code.version.upper() != "V0" or not all(code) or not text.strip().isprintable():
        raise ForeignInvalid(COUNTRY, "field_invalid", "the code is not well formed")
    for number in (code.transaction, code.counter):
        if not re.fullmatch(r"[0-9]{1,18}", number, re.ASCII):
            raise ForeignInvalid(COUNTRY, "field_invalid", "the transaction and its counter are numbers")
    return code


def _receipt_total(code: _Code) -> tuple[str, int | None]:
    """The kind of receipt, and its total in cents: the gross sums of the five VAT rates."""
    if not re.fullmatch(r"kassenbeleg-v1", code.process_type, re.IGNORECASE | re.ASCII):
        return "", None
    parts = code.process.split("^")
    sums = parts[1].split("_") if len(parts) == 3 else []
    if len(sums) != _VAT_RATES:
        raise ForeignInvalid(COUNTRY, "field_invalid", "a receipt has a kind, five sums, and payments")
    return parts[0].lower(), sum(money(COUNTRY, amount) for amount in sums)


def _operation_kind(kind: str, total: int | None) -> int | None:
    """Orders, trainings and broken-off receipts are signed as well; they are no purchases."""
    if kind == _CANCELLED:
        return 2
    if kind != _SALE or total is None:
        return None
    return 2 if total < 0 else 1


def _wall_clock(text: str) -> datetime:
    at = moment(COUNTRY, text)
    return central_european(at) if text[-1:] in "Zz" else at


def _verify_proof(code: _Code) -> Proof:
    """Without a key or algorithm that we know, nothing is said against the receipt."""
    key = _public_key(code)
    signed = _log_message(code)
    if key is None or signed is None:
        return "needs_certificate"
    signature = decoded(COUNTRY, code.signature)
    _, hash_name = _ALGORITHMS[code.algorithm.lower()]
    return "signature_valid" if signature_keys.ecdsa_fits(key, signature, signed, hash_name) else "signature_invalid"


def _public_key(code: _Code) -> ec.EllipticCurvePublicKey | None:
    point = decoded(COUNTRY, code.public_key)
    for curve in _CURVES.get(len(point), ()):
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(curve(), point)
        except ValueError:
            continue
    return None


def _log_message(code: _Code) -> bytes | None:
    """What the device signed, built anew: the transaction log of TR-03151 without its frame and signature."""
    log_time = _log_time(code)
    if code.algorithm.lower() not in _ALGORITHMS or log_time is None:
        return None
    algorithm, _ = _ALGORITHMS[code.algorithm.lower()]
    return b"".join(
        (
            der.integer(2),
            der.identifier(_TRANSACTION_LOG),
            der.tagged(0, b"FinishTransaction"),
            der.tagged(1, code.till.encode()),
            der.tagged(2, code.process.encode()),
            der.tagged(3, code.process_type.encode()),
            der.tagged(5, der.integer_content(int(code.transaction))),
            der.octets(hashlib.sha256(decoded(COUNTRY, code.public_key)).digest()),
            der.sequence(der.identifier(algorithm)),
            der.integer(int(code.counter)),
            log_time,
        )
    )


def _log_time(code: _Code) -> bytes | None:
    """The time of the log in the device's own form, which the code names."""
    at = moment(COUNTRY, code.finished)
    match code.time_format.lower():
        case "unixtime":
            return der.integer(int(at.replace(tzinfo=UTC).timestamp()))
        case "utctime":
            return der.element(0x17, f"{at:%y%m%d%H%M%S}Z".encode())
        case "generalizedtime":
            return der.element(0x18, f"{at:%Y%m%d%H%M%S}Z".encode())
        case _:
            return None
