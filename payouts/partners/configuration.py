"""The TOML file with the suppliers of an installation, and the clients by kind."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from payouts.partners.generic import GenericSupplier
from payouts.partners.supplier import Supplier, SupplierSettings
from payouts.partners.tango import TangoSupplier
from payouts.partners.tremendous import TremendousSupplier

OTHERS_PERMISSIONS = 0o077  # a file with tokens may be readable only by its owner
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
CLIENTS: dict[str, type[TremendousSupplier] | type[TangoSupplier] | type[GenericSupplier]] = {
    "tremendous": TremendousSupplier,
    "tango": TangoSupplier,
    "generic": GenericSupplier,
}
MAX_EXCHANGES = 2  # HTTP exchanges of one order or lookup


class SuppliersFileInvalid(Exception):
    """The file of suppliers is missing, readable by others, or has an invalid line."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: `[[supplier]]` tables."""

    supplier: list[SupplierSettings]


def open_supplier(settings: SupplierSettings) -> Supplier:
    """A client for one supplier; close it when done."""
    return CLIENTS[settings.kind](settings)


def max_call_seconds(settings: SupplierSettings) -> float:
    """The longest duration of an order or a lookup in seconds: a lease must be longer."""
    return MAX_EXCHANGES * settings.timeout + settings.pause


def read_suppliers_file(path: Path) -> list[SupplierSettings]:
    """Read the file that SCANBACK_SUPPLIERS names.

    Raises:
        SuppliersFileInvalid: it cannot be used; the message contains the reason.
    """
    try:
        if path.stat().st_mode & OTHERS_PERMISSIONS:
            raise SuppliersFileInvalid(f"{path} holds tokens and can be read by others: chmod 600 {path}")
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).supplier
    except OSError as error:
        raise SuppliersFileInvalid(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SuppliersFileInvalid(f"{path}: {error}") from error
    for settings in found:
        broken_rule = _broken_rule(settings)
        if broken_rule:
            raise SuppliersFileInvalid(f"{path}: supplier {settings.name!r}: {broken_rule}")
    if len({settings.name for settings in found}) < len(found):
        raise SuppliersFileInvalid(f"{path}: two suppliers have one name")
    return found


def _broken_rule(settings: SupplierSettings) -> str:
    """The rule that a supplier breaks beyond its types, empty if it breaks none."""
    if not 0 < len(settings.name) <= 40:
        return "a name of 40 characters at most"
    if not 0 < settings.per_second <= 1000 or not 0 < settings.timeout <= 60:
        return "a positive number of requests a second, and a timeout of 60 s at most"
    # A token is sent in a header; one with other characters would look like a supplier that is never reachable.
    if not settings.token or not settings.token.isascii() or not settings.token.isprintable():
        return "a token of printable ASCII"
    if not is_safe_url(settings.url):
        return "an https address without a query"
    if settings.kind == "tango" and not (":" in settings.token and settings.account and settings.customer):
        return "a token of `platform:key`, an account and a customer"
    return ""


def is_safe_url(url: str) -> bool:
    """Whether a token may be sent there: over TLS, or to this machine, for simulators."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
