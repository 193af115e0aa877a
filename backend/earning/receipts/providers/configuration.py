"""The providers of an installation: the settings file and the client for each kind."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from backend.core.settings import SettingMissing
from backend.earning.receipts.providers.callback import CallbackProvider
from backend.earning.receipts.providers.exchange import AcquirePermit
from backend.earning.receipts.providers.fns import MAX_TIMEOUTS, FnsProvider
from backend.earning.receipts.providers.manual import ManualProvider
from backend.earning.receipts.providers.proverkacheka import ProverkachekaProvider
from backend.earning.receipts.providers.queries import (
    Provider,
    ProviderAnswer,
    ProviderKind,
    ProviderResult,
    ProviderSettings,
    ReceiptQuery,
)

__all__ = [
    "Provider",
    "ProviderAnswer",
    "ProviderKind",
    "ProviderResult",
    "ProviderSettings",
    "ReceiptQuery",
    "max_query_seconds",
    "open_provider",
    "read_settings",
]

GROUP_AND_OTHERS = 0o077  # only the owner may read a file with tokens
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _ProvidersFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: `[[provider]]` tables in the order of queries."""

    provider: list[ProviderSettings]


async def _always_permitted() -> bool:
    return True


def open_provider(
    settings: ProviderSettings, *, callback_secret: bytes = b"", acquire_permit: AcquirePermit = _always_permitted
) -> Provider:
    """A client for one provider; close it after use.

    A query costs one request. If it needs another one that counts (the tax service: a token was refused, or the minute
    before is tried), it awaits `acquire_permit` first. That returns True once there is a permit, or False if the quota
    has none; then the request is not sent.

    Raises:
        SettingMissing: the settings lack what this kind needs.
    """
    if settings.kind == "manual":
        return ManualProvider()
    if settings.kind == "proverkacheka":
        return ProverkachekaProvider(settings)
    if settings.kind == "callback":
        if not callback_secret:
            raise SettingMissing(f"provider {settings.name!r} needs a secret for its callbacks")
        return CallbackProvider(settings, callback_secret)
    try:
        return FnsProvider(settings, acquire_permit)
    except ValueError as error:
        raise SettingMissing(str(error)) from error


def max_query_seconds(settings: ProviderSettings) -> float:
    """The maximum duration of a query; a lease must be longer."""
    return (MAX_TIMEOUTS if settings.kind == "fns" else 1) * settings.timeout


def read_settings(path: Path) -> list[ProviderSettings]:
    """Read the file that SCANBACK_RECEIPT_PROVIDERS names: the providers in the order of queries.

    Raises:
        SettingMissing: the file is missing, can be read by others, or is invalid.
    """
    try:
        if path.stat().st_mode & GROUP_AND_OTHERS:
            raise SettingMissing(f"{path} holds tokens and can be read by others: chmod 600 {path}")
        providers = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _ProvidersFile).provider
    except OSError as error:
        raise SettingMissing(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingMissing(f"{path}: {error}") from error
    for settings in providers:
        _check_settings(settings, path)
    if len({settings.name for settings in providers}) < len(providers):
        raise SettingMissing(f"{path}: two providers have one name")
    return providers


def _check_settings(settings: ProviderSettings, path: Path) -> None:
    """Check what the types do not."""
    if not settings.name or settings.per_second <= 0 or settings.per_day <= 0 or not 0 < settings.timeout <= 60:
        raise SettingMissing(f"{path}: provider {settings.name!r}: a name, positive quotas, a timeout of 60 s at most")
    if settings.kind == "manual":
        return
    if not settings.token or not _is_safe(settings.url):
        raise SettingMissing(f"{path}: provider {settings.name!r} needs a token and an https address")
    if settings.kind == "callback" and not _is_safe(settings.callback_url):
        raise SettingMissing(f"{path}: provider {settings.name!r} needs callback_url, an https address of ours")


def _is_safe(url: str) -> bool:
    """Whether a token may be sent to this address: over TLS, or to this machine, for simulators."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
