"""The stand-ins in a process of their own, receipts put into them, and clients that ask over real HTTP."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from backend.earning.receipts.providers import configuration
from backend.earning.receipts.providers.configuration import ProviderSettings, ReceiptQuery
from simulators.receipts import receipt_factory

TOKEN = "token-that-is-secret"
SECRET = b"callback secret"


def receipt_query(receipt: dict[str, Any], attempt: int = 0, reference: str = "ref-1", **changed: Any) -> ReceiptQuery:
    given = {
        "fn": receipt["fiscalDriveNumber"],
        "fd": receipt["fiscalDocumentNumber"],
        "fp": receipt["fiscalSign"],
        "at": datetime.fromisoformat(receipt["dateTime"]),
        "total": receipt["totalSum"],
        "operation": receipt["operationType"],
        "canonical": receipt_factory.qr_text(receipt),
    }
    return ReceiptQuery(**given | changed, attempt=attempt, reference=reference)


@contextlib.asynccontextmanager
async def opened(kind: str, url: str, acquire_permit=None, **settings: Any) -> AsyncIterator[configuration.Provider]:
    given = {"name": kind, "kind": kind, "url": url, "token": TOKEN, "timeout": 2.0} | settings
    more = {"acquire_permit": acquire_permit} if acquire_permit else {}
    provider = configuration.open_provider(ProviderSettings(**given), callback_secret=SECRET, **more)
    try:
        yield provider
    finally:
        await provider.close()
