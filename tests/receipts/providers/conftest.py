"""The stand-ins in a process of their own, receipts put into them, and clients that ask over real HTTP."""

import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import httpx2
import pytest

from backend.cli.simulate import running
from backend.receipts.providers import asking
from backend.receipts.providers.asking import ProviderSettings, Question
from backend.simulators import receipts_made

TOKEN = "token-that-nobody-may-see"
SECRET = b"callback secret"
numbers = itertools.count(1)


class Simulators:
    """The stand-ins' desk."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, trust_env=False)

    def set_up(self, **setup: Any) -> None:
        self.http.put("/_simulator/setup", content=json.dumps(setup)).raise_for_status()

    def clear(self) -> None:
        self.http.delete("/_simulator/receipts").raise_for_status()
        self.set_up()

    def put(self, *script: str, appears_after: int = 0, **made: Any) -> dict[str, Any]:
        """A new receipt that meets these faults first."""
        receipt = receipts_made.made(next(numbers), **made)
        entry = {"receipt": receipt, "appears_after": appears_after, "script": script}
        self.http.post("/_simulator/receipts", content=json.dumps(entry)).raise_for_status()
        return receipt

    def log(self, service: str) -> dict[str, Any]:
        return self.http.get("/_simulator/log").json()[service]


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


@pytest.fixture(scope="session")
def running_simulators() -> Iterator[Simulators]:
    with running() as url:
        found = Simulators(url)
        yield found
        found.http.close()


@pytest.fixture
def simulators(running_simulators: Simulators) -> Simulators:
    running_simulators.clear()
    return running_simulators


@contextlib.asynccontextmanager
async def opened(kind: str, url: str, spend=None, **settings: Any) -> AsyncIterator[asking.Provider]:
    given = {"name": kind, "kind": kind, "url": url, "token": TOKEN, "timeout": 2.0} | settings
    more = {"spend": spend} if spend else {}
    provider = asking.open_provider(ProviderSettings(**given), callback_secret=SECRET, **more)
    try:
        yield provider
    finally:
        await provider.close()
