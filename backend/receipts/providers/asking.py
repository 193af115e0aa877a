"""The providers' front: the words, the clients by kind, and the file in which an installation names them."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from backend.receipts.providers.answers import Answer, Kind, Provider, ProviderSettings, Question, Result
from backend.receipts.providers.callback import Callback
from backend.receipts.providers.exchange import Spend
from backend.receipts.providers.fns import PATIENCE, Fns
from backend.receipts.providers.manual import Manual
from backend.receipts.providers.proverkacheka import Proverkacheka
from backend.settings import SettingMissing

__all__ = [
    "Answer", "Kind", "Provider", "ProviderSettings", "Question", "Result", "longest_ask", "open_provider",
    "read_settings",
]  # fmt: skip

OTHERS = 0o077  # a file with tokens is its owner's alone
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: `[[provider]]` tables in the order in which they are asked."""

    provider: list[ProviderSettings]


async def _always() -> bool:
    return True


def open_provider(settings: ProviderSettings, *, callback_secret: bytes = b"", spend: Spend = _always) -> Provider:
    """A client for one provider; close it when done.

    An ask costs one request. Where it needs another that counts (the tax service: a token was refused, or the
    minute before is tried) it awaits `spend` first, which waits for a turn and gives True, or gives False when the
    quota has none: then the request is not sent.

    Raises:
        SettingMissing: the settings lack what this kind needs.
    """
    if settings.kind == "manual":
        return Manual()
    if settings.kind == "proverkacheka":
        return Proverkacheka(settings)
    if settings.kind == "callback":
        if not callback_secret:
            raise SettingMissing(f"provider {settings.name!r} needs a secret for its callbacks")
        return Callback(settings, callback_secret)
    try:
        return Fns(settings, spend)
    except ValueError as error:
        raise SettingMissing(str(error)) from error


def longest_ask(settings: ProviderSettings) -> float:
    """How many seconds an ask may last: a lease must be longer."""
    return (PATIENCE if settings.kind == "fns" else 1) * settings.timeout


def read_settings(path: Path) -> list[ProviderSettings]:
    """Read the file that SCANBACK_RECEIPT_PROVIDERS names: the providers in the order in which they are asked.

    Raises:
        SettingMissing: the file is not there, is not its owner's alone, or a line in it does not fit.
    """
    try:
        if path.stat().st_mode & OTHERS:
            raise SettingMissing(f"{path} holds tokens and can be read by others: chmod 600 {path}")
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).provider
    except OSError as error:
        raise SettingMissing(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingMissing(f"{path}: {error}") from error
    for settings in found:
        _check(settings, path)
    if len({settings.name for settings in found}) < len(found):
        raise SettingMissing(f"{path}: two providers have one name")
    return found


def _check(settings: ProviderSettings, path: Path) -> None:
    """What types cannot say."""
    if not settings.name or settings.per_second <= 0 or settings.per_day <= 0 or not 0 < settings.timeout <= 60:
        raise SettingMissing(f"{path}: provider {settings.name!r}: a name, positive quotas, a timeout of 60 s at most")
    if settings.kind == "manual":
        return
    if not settings.token or not _is_safe(settings.url):
        raise SettingMissing(f"{path}: provider {settings.name!r} needs a token and an https address")
    if settings.kind == "callback" and not _is_safe(settings.callback_url):
        raise SettingMissing(f"{path}: provider {settings.name!r} needs callback_url, an https address of ours")


def _is_safe(url: str) -> bool:
    """Whether a token may go there: over TLS, or to this machine itself, which is where simulators are."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
