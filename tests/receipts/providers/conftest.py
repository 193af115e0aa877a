"""The stand-ins in a process of their own, receipts put into them, and clients that ask over real HTTP."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from backend.receipts.providers import asking
from backend.receipts.providers.asking import ProviderSettings, Question
from backend.simulators import receipts_made

TOKEN = "token-that-nobody-may-see"
SECRET = b"callback secret"


def question(receipt: dict[str, Any], attempt: int = 0, reference: str = "ref-1", **changed: Any) -> Question:
    given = {
        "fn": receipt["fiscalDriveNumber"],
        "fd": receipt["fiscalDocumentNumber"],
        "fp": receipt["fiscalSign"],
        "at": datetime.fromisoformat(receipt["dateTime"]),
        "total": receipt["totalSum"],
        "operation": receipt["operationType"],
        "canonical": receipts_made.question_text(receipt),
    }
    return Question(**given | changed, attempt=attempt, reference=reference)


@contextlib.asynccontextmanager
async def opened(kind: str, url: str, spend=None, **settings: Any) -> AsyncIterator[asking.Provider]:
    given = {"name": kind, "kind": kind, "url": url, "token": TOKEN, "timeout": 2.0} | settings
    more = {"spend": spend} if spend else {}
    provider = asking.open_provider(ProviderSettings(**given), callback_secret=SECRET, **more)
    try:
        yield provider
    finally:
        await provider.close()
