"""Options for authenticators, and the checks of their responses (Web Authentication level 3). Pure."""

import hmac
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import inet_aton
from typing import Any
from urllib.parse import urlsplit

import msgspec
import webauthn
from cryptography.exceptions import InvalidSignature
from webauthn.helpers import (
    base64url_to_bytes,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.decode_credential_public_key import DecodedRSAPublicKey
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AttestationFormat,
    AttestationObject,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

# Every phone has one of the first two; Windows Hello in a computer's TPM has only the third.
KEY_KINDS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
# Of an RSA key its owner chooses the size, and with it what a check costs us: TPMs make 2048 bits with 65537.
RSA_BYTES, RSA_EXPONENT_BYTES = range(256, 513), 3
# We ask for no attestation; "packed" is what some send all the same, signed with the new key itself.
FORMATS = (AttestationFormat.NONE, AttestationFormat.PACKED)
TIMEOUT_MS = 5 * 60 * 1000
LONGEST_ID = 1023  # bytes of a credential id (section 4)

# What the library and the codecs under it raise at bytes made by an enemy.
_HOSTILE = (
    WebAuthnException,
    InvalidSignature,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
)


class Unproven(Exception):
    """The answer does not prove what it should."""


class NewKey(msgspec.Struct, frozen=True):
    """What a registration leaves: the credential's id, its public key in COSE form, and its counter."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


class KnownKey(msgspec.Struct, frozen=True):
    """The stored part of a key: its public half in COSE form, its counter, and the handle of its account."""

    public_key: bytes
    sign_count: int
    handle: bytes


class SiteIsNumber(Exception):
    """The site's address is a number: no browser makes a passkey for it."""


class Site(msgspec.Struct, frozen=True):
    """For whom the keys are: the host's name, and the origin that browsers sign."""

    rp_id: str
    origin: str

    @classmethod
    def of(cls, base_url: str) -> "Site":
        """The site of an address, spelled as browsers spell it. This machine's own number is `localhost`, which
        browsers trust without a certificate.

        Raises:
            SiteIsNumber: it is another number; a passkey's site is a domain (section 5.1.2).
        """
        parts = urlsplit(base_url)
        host = _host_name(parts.hostname or "")
        port = "" if parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f":{parts.port}"
        return cls(host, f"{parts.scheme}://{host}{port}")


def _host_name(host: str) -> str:
    number = _host_address(host)
    if number is None:
        return host.encode("idna").decode() if host else host
    number = getattr(number, "ipv4_mapped", None) or number
    if number.is_loopback or number.is_unspecified:
        return "localhost"
    raise SiteIsNumber(host)


def _host_address(host: str) -> IPv4Address | IPv6Address | None:
    """The IPv4 address that browsers read a host as, in any spelling (URL standard, "ends in a number")."""
    last = host.removesuffix(".").rpartition(".")[2]
    if ":" not in host and not last.isdecimal() and not last.startswith("0x"):
        return None
    try:
        return ip_address(host)
    except ValueError:
        try:
            return ip_address(inet_aton(host.removesuffix(".")))
        except OSError as error:
            raise SiteIsNumber(host) from error


def user_handle(pepper: bytes, account_id: int) -> bytes:
    """What a passkey knows its account by: the same each time, and no number of ours."""
    return hmac.digest(pepper, b"user handle:%d" % account_id, "sha256")


def creation_options(
    site: Site, challenge: bytes, *, handle: bytes, user_name: str, known: list[bytes]
) -> dict[str, object]:
    """The options of `navigator.credentials.create`: a discoverable key, named only by card number or e-mail."""
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name="Scanback",
        user_id=handle,
        user_name=user_name,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=credential_id) for credential_id in known],
        supported_pub_key_algs=KEY_KINDS,
    )
    return options_to_json_dict(options)


def request_options(site: Site, challenge: bytes) -> dict[str, object]:
    """The options of `navigator.credentials.get`: any key of this site, since the caller is unknown."""
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


class _ClientData(msgspec.Struct):
    challenge: str


def challenge_of(client_data: str) -> bytes:
    """The challenge that an answer answers, not checked yet.

    Raises:
        Unproven: there is none.
    """
    try:
        return raw(msgspec.json.decode(raw(client_data), type=_ClientData).challenge)
    except (UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise Unproven("no challenge") from error


def check_new(site: Site, credential: dict[str, Any], challenge: bytes) -> NewKey:
    """Check a registration (section 7.1).

    Raises:
        Unproven: something in it does not hold.
    """
    try:
        stated = parse_attestation_object(base64url_to_bytes(credential["response"]["attestationObject"]))
        if stated.fmt not in FORMATS or stated.att_stmt.x5c:
            raise Unproven(f"attestation {stated.fmt}")
        _check_cost(stated)
        found = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=KEY_KINDS,
        )
        # The library checks the key only at its first use; a point off the curve must be refused here.
        decoded_public_key_to_cryptography(decode_credential_public_key(found.credential_public_key))
    except _HOSTILE as error:
        raise Unproven(type(error).__name__) from error
    if base64url_to_bytes(credential["rawId"]) != found.credential_id or len(found.credential_id) > LONGEST_ID:
        raise Unproven("the credential's id")
    return NewKey(found.credential_id, found.credential_public_key, found.sign_count)


def _check_cost(stated: AttestationObject) -> None:
    """Refuse an RSA key that is dear to check, before it is checked for the first time."""
    attested = stated.auth_data.attested_credential_data
    key = decode_credential_public_key(attested.credential_public_key) if attested else None
    if isinstance(key, DecodedRSAPublicKey) and not (
        len(key.n) in RSA_BYTES and len(key.e) <= RSA_EXPONENT_BYTES and int.from_bytes(key.e) & 1
    ):
        raise Unproven("the key's size")


def check_known(site: Site, credential: dict[str, Any], challenge: bytes, known: KnownKey) -> int:
    """Check an assertion (section 7.2); returns the counter after it.

    Raises:
        Unproven: something in it does not hold; a counter that went back is the sign of a copied key.
    """
    if raw(credential["response"]["userHandle"] or "") != known.handle:
        raise Unproven("another user")
    try:
        found = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=known.sign_count,
            require_user_verification=True,
        )
    except _HOSTILE as error:
        raise Unproven(type(error).__name__) from error
    return found.new_sign_count


def raw(base64: str) -> bytes:
    """The bytes of a base64url field.

    Raises:
        Unproven: it is none.
    """
    try:
        return base64url_to_bytes(base64)
    except ValueError as error:
        raise Unproven("not base64url") from error
