"""The open API of the Russian tax service: a question is sent, and its answer is fetched when it is ready.

Codes and faults: the service's own guide, and docs/providers.md for what each means to us.
"""

import asyncio
import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from httpx2 import AsyncClient

from backend.receipts.providers import exchange, fns_messages
from backend.receipts.providers.answers import Answer, ProviderSettings, Question, Result
from backend.receipts.providers.exchange import Reply, Spend, Trouble
from backend.receipts.providers.fns_messages import AuthenticationFault, Token

AUTH_PATH, TICKET_PATH = "/open-api/AuthService/0.1", "/open-api/ais3/KktService/0.1"
SEND, GET = "urn:SendMessageRequest", "urn:GetMessageRequest"
POLL_SECONDS = 0.5  # the service asks for two polls a second at most
KEPT_SECONDS = 55.0  # an answer lives for about a minute
EARLY = timedelta(seconds=60)  # a token is renewed so long before it ends
LONGEST_USER = 160  # characters of the header that names the user
PATIENCE = 3  # a question, its answer, and both again a minute earlier: in timeouts

RESULTS: dict[str, Result] = {
    "200": "found",
    "400": "bad_request",
    "404": "not_yet",  # or older than some 2.5 months: whoever asks knows the receipt's age
    "406": "rejected",
    "452": "bad_request",
    "453": "bad_request",
    "454": "rejected",
    "455": "not_yet",
    "503": "unavailable",
    "528": "unavailable",
    "531": "bad_request",
}
T = TypeVar("T")


class Tally:
    """How many requests that count one ask has made so far, and of which shape the last was."""

    def __init__(self) -> None:
        self.spent = 0
        self.shape = "get_ticket"


class Fns:
    """A client with a temporary token of its own, which it renews in time."""

    def __init__(self, settings: ProviderSettings, spend: Spend) -> None:
        """Open the client.

        Raises:
            ValueError: the user's name is too long for its header.
        """
        self.settings, self.spend = settings, spend
        self.client: AsyncClient = exchange.open_client()
        self.user = base64.b64encode((settings.user or "scanback").encode()).decode()
        if len(self.user) > LONGEST_USER:
            raise ValueError(f"provider {settings.name!r}: the user's name is longer than its header may be")
        self.token: Token | None = None
        self.renewing = asyncio.Lock()

    async def ask(self, question: Question) -> Answer:
        """Ask for a receipt, within three timeouts; trouble is an answer, too."""
        tally = Tally()
        try:
            async with asyncio.timeout(PATIENCE * self.settings.timeout):
                return await self._ask(question, tally)
        except Trouble as trouble:
            return trouble.answer(self.settings, shape=tally.shape, spent=tally.spent)
        except TimeoutError:
            return Trouble("timeout").answer(self.settings, shape=tally.shape, spent=tally.spent)

    async def close(self) -> None:
        await self.client.aclose()

    async def _ask(self, question: Question, tally: Tally) -> Answer:
        """Ask once. A few tills print a time that is rounded up: then the minute before is tried, that once.

        The service forbids to try on after 406, so a QR that names the second is taken at its word.
        """
        answer = await self._verdict(question, question.at, tally)
        if answer.code != "406" or question.at.second:
            return answer
        if not await self.spend():
            raise Trouble("406", 200, result="limit")
        tally.shape = "get_ticket_minute_earlier"
        earlier = await self._verdict(question, question.at - timedelta(minutes=1), tally)
        return earlier if earlier.result != "bad_request" else answer

    async def _verdict(self, question: Question, at: datetime, tally: Tally) -> Answer:
        request = fns_messages.ticket_request(question, at)
        message_id = await self._say(SEND, request, fns_messages.read_message_id, tally)
        ticket = await self._fetch(message_id)
        result = RESULTS.get(ticket.code, "unavailable")
        return Answer(result, ticket.receipt, ticket.code, http=200, shape=tally.shape, spent=tally.spent)

    async def _fetch(self, message_id: str) -> fns_messages.Ticket:
        """Look for the answer twice a second until it is there, or no longer worth waiting for."""
        request = fns_messages.message_request(message_id)
        deadline = time.monotonic() + min(self.settings.timeout, KEPT_SECONDS)
        while time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            ticket = await self._say(GET, request, fns_messages.read_ticket)
            if ticket is not None:
                return ticket
        raise Trouble("processing", 200)

    async def _say(self, action: str, request: bytes, read: Callable[[Reply], T], tally: Tally | None = None) -> T:
        """Say it under a token; if that is not taken, under a new one, once. What has a tally counts."""
        token = await self._valid_token()
        try:
            return await self._said(action, request, read, token, tally)
        except AuthenticationFault:
            self._forget(token)
        if tally and not await self.spend():
            raise Trouble("authentication", 500)
        try:
            return await self._said(action, request, read, await self._valid_token(), tally)
        except AuthenticationFault as fault:
            raise Trouble("authentication", 500) from fault

    async def _said(
        self, action: str, request: bytes, read: Callable[[Reply], T], token: Token, tally: Tally | None
    ) -> T:
        headers = _headers(action) | {"FNS-OpenApi-Token": token.value, "FNS-OpenApi-UserToken": self.user}
        if tally:
            tally.spent += 1
        return read(await exchange.post(self.client, self.settings, TICKET_PATH, headers=headers, content=request))

    async def _valid_token(self) -> Token:
        """The token; a new one if it is about to end. Those who ask meanwhile wait for the same one."""
        async with self.renewing:
            if self.token is None or datetime.now(UTC) >= self.token.expires_at - EARLY:
                self.token = await self._new_token()
            return self.token

    async def _new_token(self) -> Token:
        request = fns_messages.auth_request(self.settings.token)
        reply = await exchange.post(self.client, self.settings, AUTH_PATH, headers=_headers(GET), content=request)
        try:
            return fns_messages.read_token(reply)
        except AuthenticationFault as fault:
            raise Trouble("auth_refused", reply.status) from fault

    def _forget(self, token: Token) -> None:
        """Drop a token that is not taken, unless somebody has renewed it meanwhile."""
        if self.token == token:
            self.token = None


def _headers(action: str) -> dict[str, str]:
    return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action}
