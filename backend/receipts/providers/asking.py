"""The providers' front: the words, the clients by kind, and the file in which an installation names them."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from backend.receipts.providers.answers import Answer, Kind, Provider, ProviderSettings, Question, Result
from backend.receipts.providers.manual import Manual
from backend.settings import SettingMissing

__all__ = ["Answer", "Kind", "Provider", "ProviderSettings", "Question", "Result", "open_provider", "read_settings"]

OTHERS = 0o077  # a file with tokens is its owner's alone
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: `[[provider]]` tables in the order in which they are asked."""

    provider: list[ProviderSettings]


def open_provider(settings: ProviderSettings) -> Provider:
    """A client for one provider; close it when done.

    Raises:
        SettingMissing: the settings lack what this kind needs.
    """
    if settings.kind == "manual":
        return Manual()
    raise SettingMissing(f"no client for the kind {settings.kind!r} yet")


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
