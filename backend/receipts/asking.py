"""Which provider is asked next, when, and what its answer means for a receipt."""

import hashlib
import hmac
import time
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import structlog
from sqlalchemy import text

from backend import limits
from backend.database import Database
from backend.receipts.providers.asking import (
    Answer,
    Provider,
    ProviderSettings,
    Question,
    longest_ask,
    open_provider,
    read_settings,
)
from backend.settings import Settings

log = structlog.get_logger("scanback")

ASKED = text("SELECT limit_asked(:name, :failed, :limited, :pause)")
TRIED = text("""
    INSERT INTO receipt_tries (receipt_id, provider, shape, result, code, http, milliseconds)
    VALUES (:receipt, :provider, :shape, :result, :code, :http, :milliseconds)
""")
TROUBLE = ("unavailable", "limit")


class Turn(msgspec.Struct, frozen=True):
    """A provider that may be asked now, or when to come again."""

    provider: int | None
    again_at: datetime | None = None
    taken: limits.Turn | None = None  # none of people


class Providers:
    """The installation's providers in the order in which they are asked, with their clients."""

    def __init__(self, db: Database, named: list[ProviderSettings], secret: bytes) -> None:
        self.db = db
        self.named = named
        self._clients: list[Provider] = [
            open_provider(one, callback_secret=secret, spend=partial(self._spend, one)) for one in named
        ]

    @property
    def lease(self) -> float:
        """For how many seconds a receipt is its worker's: longer than any ask; one that died leaves it for so long."""
        return 20 + 2 * max(map(longest_ask, self.named), default=0)

    @classmethod
    def of(cls, db: Database, settings: Settings) -> "Providers":
        """Those that SCANBACK_RECEIPT_PROVIDERS names; none without it: then people decide.

        Raises:
            SettingMissing: the file cannot be read.
        """
        named = read_settings(settings.receipt_providers) if settings.receipt_providers else []
        return cls(db, named, callback_secret(settings))

    async def _spend(self, one: ProviderSettings) -> bool:
        """A turn for a further request of the same question."""
        return await self._turn(one) is None

    async def close(self) -> None:
        """Close all clients."""
        async with AsyncExitStack() as stack:
            for client in self._clients:
                stack.push_async_callback(client.close)

    def has_another(self, number: int) -> bool:
        """Whether another provider than people may be asked after this one."""
        return number + 1 < len(self.named) and self.named[number + 1].kind != "manual"

    async def turn(self, first: int) -> Turn:
        """Take a turn with the first provider, from `first` on, that has one; waits for it up to two seconds.

        People are no way round a provider that is busy: they are asked only where it is they who are next.
        """
        again: list[datetime] = []
        for number in range(first, len(self.named)):
            if self.named[number].kind == "manual":
                return Turn(None, min(again)) if again else Turn(number)
            taken = await self._turn(self.named[number])
            if isinstance(taken, limits.Turn):
                return Turn(number, taken=taken)
            again.append(taken)
        return Turn(None, min(again) if again else None)

    async def _turn(self, one: ProviderSettings) -> limits.Turn | datetime:
        longest = longest_ask(one)
        return await limits.turn(self.db, one.name, per_second=one.per_second, longest=longest, per_day=one.per_day)

    async def ask(self, turn: Turn, receipt_id: int, question: Question) -> Answer:
        """Ask the provider whose turn this is, and write down how it went. Never raises what the network did."""
        if turn.provider is None:
            raise LookupError(receipt_id)
        one, begun = self.named[turn.provider], time.monotonic()
        try:
            answer = await self._clients[turn.provider].ask(question)
        finally:
            if turn.taken:
                await limits.give_back(self.db, turn.taken)
        spent = round((time.monotonic() - begun) * 1000)
        await self.db.rows(TRIED, receipt=receipt_id, provider=one.name, shape=answer.shape[:20], result=answer.result,
                           code=answer.code[:40], http=answer.http, milliseconds=spent)  # fmt: skip
        await self.db.rows(ASKED, name=one.name, failed=answer.result in TROUBLE, limited=answer.result == "limit",
                           pause=answer.retry_after or 0)  # fmt: skip
        log.info("receipt_asked", receipt=receipt_id, provider=one.name, result=answer.result, ms=spent)
        return answer


def callback_secret(settings: Settings) -> bytes:
    """The key under which callbacks of providers are known to be ours."""
    return hmac.digest(settings.master_key, b"receipt callbacks", hashlib.sha256)


def question(receipt: Any) -> Question:
    """What a provider is asked about a Russian receipt."""
    fn, _, fd = receipt.identity.partition(":")
    return Question(
        fn, int(fd), receipt.fp, receipt.at, receipt.total, receipt.operation, receipt.canonical, receipt.tries,
        str(receipt.id),
    )  # fmt: skip
