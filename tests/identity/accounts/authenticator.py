"""A phone's authenticator, as much of it as tests need: P-256 keys, clientDataJSON, CBOR (Web Authentication 6.1)."""

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, KEY_INCLUDED = 0x01, 0x04, 0x40
ORIGIN, RP_ID = "http://scanback.test", "scanback.test"


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One discoverable key. A test sets its fields to produce invalid responses."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = os.urandom(32)
        self.sign_count = 0
        self.handle = b"unknown"
        self.origin = ORIGIN
        self.rp_id = RP_ID
        self.flags = PRESENT | VERIFIED

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.create` returns, in JSON."""
        self.handle = unbase64url(options["user"]["id"])
        stated = {"fmt": "none", "attStmt": {}, "authData": self._data(KEY_INCLUDED) + self._attested()}
        return self._credential(
            clientDataJSON=base64url(self._client_data("webauthn.create", options["challenge"])),
            attestationObject=base64url(cbor2.dumps(stated)),
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.get` returns, in JSON."""
        self.sign_count += 1
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._data()
        signature = self._signed(data + hashlib.sha256(client_data).digest())
        return self._credential(
            clientDataJSON=base64url(client_data),
            authenticatorData=base64url(data),
            signature=base64url(signature),
            userHandle=base64url(self.handle),
        )

    def _credential(self, **response: str) -> dict[str, Any]:
        name = base64url(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, more: int = 0) -> bytes:
        rp = hashlib.sha256(self.rp_id.encode()).digest()
        return rp + bytes([self.flags | more]) + self.sign_count.to_bytes(4, "big")

    def _attested(self) -> bytes:
        named = len(self.credential_id).to_bytes(2, "big") + self.credential_id
        return bytes(16) + named + cbor2.dumps(self._cose())

    def _cose(self) -> dict[int, Any]:
        point = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}

    def _signed(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(SHA256()))


class WindowsHello(Authenticator):
    """A key as a TPM makes it: RSA, 2048 bits, RS256."""

    def __init__(self, bits: int = 2048) -> None:
        super().__init__()
        self.key = rsa.generate_private_key(65537, bits)

    def _signed(self, data: bytes) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), SHA256())

    def _cose(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {1: 3, 3: -257, -1: numbers.n.to_bytes(self.key.key_size // 8, "big"), -2: b"\x01\x00\x01"}
