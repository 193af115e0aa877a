"""Short secrets encrypted for the database, under keys that are never in it (AES-256-GCM, NIST SP 800-38D).

An encrypted value is the MARK, the key's number (one byte), the nonce, and the ciphertext with its tag. Values of the
first release begin with the nonce. They, and all values until the first rotation, use the first key.
"""

import secrets
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.core.keyring import FIRST, KEY_BYTES, Keyring

NONCE_BYTES = 12
MARK = b"\xa7sb"
HEADER_BYTES = len(MARK) + 1


def encrypt(keys: Keyring, purpose: bytes, owner: bytes, plain: bytes) -> bytes:
    """Encrypt a secret. Purpose and owner are authenticated: the value is useless for another purpose or owner."""
    number, nonce = keys.newest, secrets.token_bytes(NONCE_BYTES)
    encrypted = nonce + _derive_cipher(keys.key(number), purpose).encrypt(nonce, plain, owner)
    # The last version, which may run beside this one, reads only values without a header.
    return encrypted if number == FIRST else key_header(number) + encrypted


def key_header(number: int) -> bytes:
    """The first bytes of a value under a later key."""
    return MARK + bytes([number])


def decrypt(keys: Keyring, purpose: bytes, owner: bytes, encrypted: bytes) -> bytes:
    """Decrypt a value of `encrypt`.

    Raises:
        cryptography.exceptions.InvalidTag: the key is not in the keyring, or purpose or owner differ.
    """
    if encrypted.startswith(MARK):
        try:
            return _decrypt_with(keys, encrypted[HEADER_BYTES - 1], purpose, owner, encrypted[HEADER_BYTES:])
        except InvalidTag:
            # One nonce in 16 million of the first release begins with the mark.
            return _decrypt_with(keys, FIRST, purpose, owner, encrypted)
    return _decrypt_with(keys, FIRST, purpose, owner, encrypted)


def key_number(encrypted: bytes) -> int:
    """The number of the key that encrypted a value. The first release did not write it."""
    return encrypted[HEADER_BYTES - 1] if encrypted.startswith(MARK) else FIRST


def _decrypt_with(keys: Keyring, number: int, purpose: bytes, owner: bytes, body: bytes) -> bytes:
    try:
        key = keys.key(number)
    except KeyError as error:
        raise InvalidTag from error
    return _derive_cipher(key, purpose).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], owner)


@cache
def _derive_cipher(master: bytes, purpose: bytes) -> AESGCM:
    """A key for each purpose, derived from the master key (HKDF, RFC 5869)."""
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(master))
