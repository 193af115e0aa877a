"""The file in which an installation names its suppliers, and their clients by kind."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from payouts.partners.generic import Generic
from payouts.partners.supplying import Supplier, SupplierSettings
from payouts.partners.tango import Tango
from payouts.partners.tremendous import Tremendous

OTHERS = 0o077  # a file with tokens is its owner's alone
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
CLIENTS: dict[str, type[Tremendous] | type[Tango] | type[Generic]] = {
    "tremendous": Tremendous,
    "tango": Tango,
    "generic": Generic,
}
MOST_EXCHANGES = 2  # of a call: an order or a look, and what belongs to it


class SettingsWrong(Exception):
    """The file of suppliers is not there, is not its owner's alone, or a line in it does not fit."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: `[[supplier]]` tables."""

    supplier: list[SupplierSettings]


def open_supplier(settings: SupplierSettings) -> Supplier:
    """A client for one supplier; close it when done."""
    return CLIENTS[settings.kind](settings)


def longest_call(settings: SupplierSettings) -> float:
    """How many seconds an order or a look may last: a lease must be longer."""
    return MOST_EXCHANGES * settings.timeout + settings.pause


def read_settings(path: Path) -> list[SupplierSettings]:
    """Read the file that SCANBACK_SUPPLIERS names.

    Raises:
        SettingsWrong: it cannot be used, and why.
    """
    try:
        if path.stat().st_mode & OTHERS:
            raise SettingsWrong(f"{path} holds tokens and can be read by others: chmod 600 {path}")
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).supplier
    except OSError as error:
        raise SettingsWrong(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsWrong(f"{path}: {error}") from error
    for settings in found:
        wrong = _wrong(settings)
        if wrong:
            raise SettingsWrong(f"{path}: supplier {settings.name!r}: {wrong}")
    if len({settings.name for settings in found}) < len(found):
        raise SettingsWrong(f"{path}: two suppliers have one name")
    return found


def _wrong(settings: SupplierSettings) -> str:
    """What types cannot say; nothing if all is well."""
    if not 0 < len(settings.name) <= 40:
        return "a name of 40 characters at most"
    if not 0 < settings.per_second <= 1000 or not 0 < settings.timeout <= 60:
        return "a positive number of requests a second, and a timeout of 60 s at most"
    # A token goes into a header; one that does not fit there would look like a supplier that is away for ever.
    if not settings.token or not settings.token.isascii() or not settings.token.isprintable():
        return "a token of printable ASCII"
    if not is_safe(settings.url):
        return "an https address without a query"
    if settings.kind == "tango" and not (":" in settings.token and settings.account and settings.customer):
        return "a token of `platform:key`, an account and a customer"
    return ""


def is_safe(url: str) -> bool:
    """Whether a token may go there: over TLS, or to this machine itself, which is where simulators are."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
