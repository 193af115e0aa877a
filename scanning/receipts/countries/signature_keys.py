"""Signatures on receipts, and the keys to check them with."""

from collections.abc import Callable
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from scanning.problem import Problem

# A certificate or a public key, ready or in PEM or DER.
Certified: TypeAlias = bytes | x509.Certificate | PublicKeyTypes

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


class KeyInvalid(Problem):
    """The certificate or key that was given is none, or of the wrong kind."""


def public_key(certified: Certified) -> PublicKeyTypes:
    """The key in a certificate, or the key itself. Raises KeyInvalid."""
    opened = _open_certificate(certified)
    return opened.public_key() if isinstance(opened, x509.Certificate) else opened


def serial_number(certified: Certified) -> int | None:
    """The certificate's serial number; a bare key has none. Raises KeyInvalid."""
    opened = _open_certificate(certified)
    return opened.serial_number if isinstance(opened, x509.Certificate) else None


def ecdsa_fits(key: PublicKeyTypes, signature: bytes, signed: bytes, algorithm: str) -> bool:
    """Whether a plain signature (r and s of equal length, BSI TR-03111, RFC 7518) fits. Raises KeyInvalid."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise KeyInvalid("the key is not one of an elliptic curve")
    half = (key.key_size + 7) // 8
    if len(signature) != 2 * half:
        return False
    encoded = encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
    try:
        key.verify(encoded, signed, ec.ECDSA(_HASHES[algorithm]))
    except InvalidSignature:
        return False
    return True


def rsa_fits(key: PublicKeyTypes, signature: bytes, signed: bytes) -> bool:
    """Whether a signature of RSA with SHA-256 and PKCS #1 v1.5 (RS256) fits. Raises KeyInvalid."""
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyInvalid("the key is not one of RSA")
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _open_certificate(certified: Certified) -> x509.Certificate | PublicKeyTypes:
    if not isinstance(certified, bytes):
        return certified
    openers: tuple[Callable[[bytes], x509.Certificate | PublicKeyTypes], ...] = (
        x509.load_pem_x509_certificate,
        x509.load_der_x509_certificate,
        serialization.load_pem_public_key,
        serialization.load_der_public_key,
    )
    for load in openers:
        try:
            return load(certified)
        except (ValueError, UnsupportedAlgorithm):
            continue
    raise KeyInvalid("this is neither a certificate nor a public key, in PEM or DER")
