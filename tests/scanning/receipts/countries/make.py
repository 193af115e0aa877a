"""Foreign receipts in the shapes of the real ones, made up here; where a shape is signed, with keys made here."""

import base64
import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

IIC = "3F0C19A2B4D5E6F708192A3B4C5D6E7F"
GSTIN = "27AAPFU0939F1ZV"
IRN = "5c0e" * 16


@cache
def ec_key(curve=ec.SECP256R1):
    return ec.generate_private_key(curve())


@cache
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def certificate(key, serial):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = datetime(2024, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, start, start + timedelta(days=3650))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def plain_signature(key, signed, algorithm=hashes.SHA256):
    size = (key.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(algorithm())))
    return base64.b64encode(r.to_bytes(size, "big") + s.to_bytes(size, "big")).decode()


def serbian(*, total=1234500, counter=88, kind=0, transaction=0, at_ms=1756378800000, buyer=b"", version=3, hidden=256):
    """Total in ten-thousandths of a dinar; the time is 2025-08-28 11:00 UTC."""
    invoice = struct.pack("<B8s8sIIQ", version, b"AB12CD34", b"EF56GH78", counter, counter, total)
    invoice += struct.pack(">QBBB", at_ms, kind, transaction, len(buyer)) + buyer + bytes(range(256)) * (hidden // 256)
    invoice += bytes(256)
    return invoice + hashlib.md5(invoice).digest()  # noqa: S324 - the format's own check sum


def serbian_link(invoice=None, safe=""):
    return "https://suf.purs.gov.rs/v/?vl=" + quote(base64.b64encode(invoice or serbian()).decode(), safe=safe)


def austrian(*, sums=("12,00", "3,50", "0,00", "0,00", "0,00"), turnover="AbCdEfGh", serial="1a2b3c4d", key=None):
    fields = ["R1-AT1", "KASSE-7", "4711", "2025-03-30T14:05:59", *sums, turnover, serial, "p7xK9w2Lm0Q="]
    line = "_" + "_".join(fields)
    signed = base64.urlsafe_b64encode(b'{"alg":"ES256"}').rstrip(b"=") + b"."
    signed += base64.urlsafe_b64encode(line.encode()).rstrip(b"=")
    return f"{line}_{plain_signature(key or ec_key(), signed)}"


def tlv(tag, content):
    """Short lengths and one long one, written apart from the product's own."""
    return bytes([tag, len(content)]) + content if len(content) < 128 else bytes([tag, 0x81, len(content)]) + content


_TIMES = {
    "unixTime": lambda at: tlv(2, int(at.timestamp()).to_bytes(4, "big")),
    "utcTime": lambda at: tlv(0x17, at.strftime("%y%m%d%H%M%SZ").encode()),
    "generalizedTime": lambda at: tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode()),
}
_OIDS = {"SHA256": "04007f00070101040103", "SHA384": "04007f00070101040104"}


def german(*, curve=ec.SECP256R1, sha="SHA256", process="Beleg^11.90_0.00_0.00_0.00_2.10^14.00:Bar", clock="unixTime"):
    key = ec_key(curve)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    at = datetime(2025, 12, 1, 16, 30, 5, tzinfo=UTC)
    signed = tlv(2, b"\x02") + tlv(6, bytes.fromhex("04007f000703070101"))
    signed += tlv(0x80, b"FinishTransaction") + tlv(0x81, b"KASSE-12") + tlv(0x82, process.encode())
    signed += tlv(0x83, b"Kassenbeleg-V1") + tlv(0x85, b"\x00\xc8") + tlv(4, hashlib.sha256(point).digest())
    signed += tlv(0x30, tlv(6, bytes.fromhex(_OIDS[sha]))) + tlv(2, b"\x01\x90") + _TIMES[clock](at)
    signature = plain_signature(key, signed, getattr(hashes, sha))
    times = "2025-12-01T16:29:40.000Z;2025-12-01T16:30:05.000Z"
    tail = f"ecdsa-plain-{sha};{clock};{signature};{base64.b64encode(point).decode()}"
    return f"V0;KASSE-12;Kassenbeleg-V1;{process};200;400;{times};{tail}"


def indian(*, head=None, key=None, **changes):
    invoice = {
        "SellerGstin": GSTIN,
        "BuyerGstin": GSTIN,
        "DocNo": "A-17/26",
        "DocTyp": "INV",
        "DocDt": "05/02/2026",
        "TotInvVal": 118000.5,
        "ItemCnt": 3,
        "Irn": IRN,
    } | changes
    parts = [head or {"alg": "RS256", "typ": "JWT"}, {"data": json.dumps(invoice), "iss": "NIC"}]
    signed = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts)
    signature = (key or rsa_key()).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def saudi(*extra, vat_number="300012345600003", total="230.00"):
    values = ["متجر".encode(), vat_number.encode(), b"2026-03-01T18:45:10Z", total.encode(), b"30.00", *extra]
    return base64.b64encode(b"".join(bytes([t, len(v)]) + v for t, v in enumerate(values, 1))).decode()


def slovenian(mark=0xA7E5_F55E_1DBB_48B7_9926_8E1A_6D86_18A3, time="260214173059"):
    digits = f"{mark:039}12345678{time}"
    return f"{digits}{sum(map(int, digits)) % 10}"


def brazilian_key(front="3526031122233300018165001000004321"):
    body = f"{front}112345678"
    rest = (
        sum((ord(c) - 48) * weight for c, weight in zip(reversed(body), [2, 3, 4, 5, 6, 7, 8, 9] * 6, strict=False))
        % 11
    )
    return f"{body}{0 if rest < 2 else 11 - rest}"


def crc8(text):
    crc = 0
    for byte in text.encode():
        for bit in range(7, -1, -1):
            crc = (crc << 1 & 0xFF) ^ (0x07 if (crc >> 7) ^ (byte >> bit & 1) else 0)
    return crc


def ticketbai(host="batuz.eus", amount="48.40"):
    identity = "TBAI-99999990S-140226-aB3dE5gH7jK9m-"
    identity += f"{crc8(identity):03}"
    link = f"https://{host}/QRTBAI/?id={identity}&s=A&nf=0012&i={amount}"
    return f"{link}&cr={crc8(link):03}"
