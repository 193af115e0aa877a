"""Requests to providers: permits within their quotas, the request itself, and its record."""

import hashlib
import hmac
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import structlog
from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.settings import Numbers, Settings
from backend.earning.receipts.providers.configuration import (
    Provider,
    ProviderAnswer,
    ProviderSettings,
    ReceiptQuery,
    max_query_seconds,
    open_provider,
    read_settings,
)

log = structlog.get_logger("scanback")

RECORD_RESULT = text("SELECT limit_asked(:name, :failed, :limited, :pause)")
INSERT_ATTEMPT = text("""
    INSERT INTO receipt_tries (receipt_id, provider, shape, result, code, http, milliseconds)
    VALUES (:receipt, :provider, :shape, :result, :code, :http, :milliseconds)
""")
FAILED_RESULTS = ("unavailable", "limit")


class ProviderPermit(msgspec.Struct, frozen=True):
    """A provider that may be queried now, or when to try again."""

    provider: int | None
    again_at: datetime | None = None
    permit: rate_limits.Permit | None = None  # None for reviewers


class ProviderPool:
    """The installation's providers in the order of queries, with their clients."""

    def __init__(self, db: Database, named: list[ProviderSettings], secret: bytes, numbers: Numbers) -> None:
        self.db = db
        self._numbers = numbers
        self.named = named
        self._clients: list[Provider] = [
            open_provider(settings, callback_secret=secret, acquire_permit=partial(self._acquire_further, settings))
            for settings in named
        ]

    @property
    def lease_seconds(self) -> float:
        """The lease of a worker on a receipt: longer than any query. After a crash the receipt waits this long."""
        return 20 + 2 * max(map(max_query_seconds, self.named), default=0)

    @classmethod
    def of(cls, db: Database, settings: Settings) -> "ProviderPool":
        """The providers of SCANBACK_RECEIPT_PROVIDERS; none if it is not set, so that reviewers decide.

        Raises:
            SettingMissing: the file cannot be read.
        """
        named = read_settings(settings.receipt_providers) if settings.receipt_providers else []
        return cls(db, named, callback_secret(settings), settings.numbers)

    async def _acquire_further(self, settings: ProviderSettings) -> bool:
        """Acquire a permit for a further request of the same query."""
        return await self._acquire(settings, is_proven=True) is None

    async def close(self) -> None:
        """Close all clients."""
        async with AsyncExitStack() as stack:
            for client in self._clients:
                stack.push_async_callback(client.close)

    def has_another(self, number: int) -> bool:
        """Whether a provider other than `manual` follows this one."""
        return number + 1 < len(self.named) and self.named[number + 1].kind != "manual"

    async def acquire(self, first: int, *, is_proven: bool) -> ProviderPermit:
        """Acquire a permit of the first provider, from `first` on, that has one; waits up to two seconds.

        Senders without a verified receipt share a part of each provider's daily quota. `manual` does not replace a busy
        provider: it is returned only if no provider before it was busy.
        """
        again: list[datetime] = []
        for number in range(first, len(self.named)):
            if self.named[number].kind == "manual":
                return ProviderPermit(None, min(again)) if again else ProviderPermit(number)
            permit = await self._acquire(self.named[number], is_proven=is_proven)
            if isinstance(permit, rate_limits.Permit):
                return ProviderPermit(number, permit=permit)
            again.append(permit)
        return ProviderPermit(None, min(again) if again else None)

    async def _acquire(self, settings: ProviderSettings, *, is_proven: bool) -> rate_limits.Permit | datetime:
        percent = self._numbers.at("receipt_quota_new_percent", datetime.now(UTC).date())
        return await rate_limits.acquire_permit(
            self.db,
            settings.name,
            per_second=settings.per_second,
            max_seconds=max_query_seconds(settings),
            per_day=settings.per_day,
            share=None if is_proven else max(1, settings.per_day * percent // 100),
        )

    async def query(self, permit: ProviderPermit, receipt_id: int, query: ReceiptQuery) -> ProviderAnswer:
        """Query the provider of a permit and record the result. Raises no network errors."""
        if permit.provider is None:
            raise LookupError(receipt_id)
        settings, begun = self.named[permit.provider], time.monotonic()
        try:
            answer = await self._clients[permit.provider].find_receipt(query)
        finally:
            if permit.permit:
                await rate_limits.release_permit(self.db, permit.permit)
        spent = round((time.monotonic() - begun) * 1000)
        await self.db.rows(
            INSERT_ATTEMPT,
            receipt=receipt_id,
            provider=settings.name,
            shape=answer.shape[:20],
            result=answer.result,
            code=answer.code[:40],
            http=answer.http,
            milliseconds=spent,
        )
        await self.db.rows(
            RECORD_RESULT,
            name=settings.name,
            failed=answer.result in FAILED_RESULTS,
            limited=answer.result == "limit",
            pause=answer.retry_after or 0,
        )
        log.info("receipt_asked", receipt=receipt_id, provider=settings.name, result=answer.result, ms=spent)
        return answer


def callback_secret(settings: Settings) -> bytes:
    """The key that signs callbacks of new requests."""
    return callback_secrets(settings)[0]


def callback_secrets(settings: Settings) -> list[bytes]:
    """All keys that may have signed callbacks of open requests."""
    return [hmac.digest(key, b"receipt callbacks", hashlib.sha256) for key in settings.master_keys.all()]


def receipt_query(receipt: Any) -> ReceiptQuery:
    """The query for a Russian receipt."""
    fn, _, fd = receipt.identity.partition(":")
    return ReceiptQuery(
        fn,
        int(fd),
        receipt.fp,
        receipt.at,
        receipt.total,
        receipt.operation,
        receipt.canonical,
        receipt.tries,
        str(receipt.id),
    )
