"""Short secrets enciphered for the database, under keys that are never in it (AES-256-GCM, NIST SP 800-38D)."""

import secrets
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES, NONCE_BYTES = 32, 12


def seal(master: bytes, purpose: bytes, owner: bytes, plain: bytes) -> bytes:
    """Encipher a secret: it cannot be read for another purpose, nor be put in another owner's place."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(master, purpose).encrypt(nonce, plain, owner)


def unseal(master: bytes, purpose: bytes, owner: bytes, sealed: bytes) -> bytes:
    """Decipher what `seal` made.

    Raises:
        cryptography.exceptions.InvalidTag: it was made under another master key, for another purpose or owner.
    """
    return _cipher(master, purpose).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner)


@cache
def _cipher(master: bytes, purpose: bytes) -> AESGCM:
    """A key for each purpose, derived from the master key (HKDF, RFC 5869)."""
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(master))
