"""The open API of the Russian tax service: a query is sent, and its answer is fetched when it is ready.

Codes and faults: the service's own guide, and docs/providers.md for their meaning.
"""

import asyncio
import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from httpx2 import AsyncClient

from backend.earning.receipts.providers import exchange, fns_messages
from backend.earning.receipts.providers.exchange import AcquirePermit, ProviderError, Reply
from backend.earning.receipts.providers.fns_messages import AuthenticationFault, Token
from backend.earning.receipts.providers.queries import ProviderAnswer, ProviderResult, ProviderSettings, ReceiptQuery

AUTH_PATH, TICKET_PATH = "/open-api/AuthService/0.1", "/open-api/ais3/KktService/0.1"
SEND, FETCH = "urn:SendMessageRequest", "urn:GetMessageRequest"
POLL_SECONDS = 0.5  # the service allows two polls a second
ANSWER_TTL_SECONDS = 55.0  # the service stores an answer for about a minute
TOKEN_MARGIN = timedelta(seconds=60)  # how long before its expiry a token is renewed
MAX_USER_LENGTH = 160  # characters of the header that names the user
MAX_TIMEOUTS = 3  # a query, its answer, and both again for a minute earlier

RESULTS: dict[str, ProviderResult] = {
    "200": "found",
    "400": "bad_request",
    "404": "not_yet",  # or older than some 2.5 months: the caller knows the receipt's age
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


class RequestCount:
    """The number of requests of one query that count, and the shape of the last one."""

    def __init__(self) -> None:
        self.spent = 0
        self.shape = "get_ticket"


class FnsProvider:
    """A client that renews its temporary token in time."""

    def __init__(self, settings: ProviderSettings, acquire_permit: AcquirePermit) -> None:
        """Open the client.

        Raises:
            ValueError: the user's name is too long for its header.
        """
        self.settings, self.acquire_permit = settings, acquire_permit
        self.client: AsyncClient = exchange.open_client()
        self.user = base64.b64encode((settings.user or "scanback").encode()).decode()
        if len(self.user) > MAX_USER_LENGTH:
            raise ValueError(f"provider {settings.name!r}: the user's name is longer than its header may be")
        self.token: Token | None = None
        self.renewing = asyncio.Lock()

    async def find_receipt(self, query: ReceiptQuery) -> ProviderAnswer:
        """Query a receipt, within three timeouts; a failure is an answer too."""
        count = RequestCount()
        try:
            async with asyncio.timeout(MAX_TIMEOUTS * self.settings.timeout):
                return await self._find_receipt(query, count)
        except ProviderError as error:
            return error.to_answer(self.settings, shape=count.shape, spent=count.spent)
        except TimeoutError:
            return ProviderError("timeout").to_answer(self.settings, shape=count.shape, spent=count.spent)

    async def close(self) -> None:
        await self.client.aclose()

    async def _find_receipt(self, query: ReceiptQuery, count: RequestCount) -> ProviderAnswer:
        """Query once. A few tills print a rounded-up time, so the minute before is queried too, once.

        The service forbids further queries after 406, so a QR code with seconds is not queried again.
        """
        answer = await self._query_at(query, query.at, count)
        if answer.code != "406" or query.at.second:
            return answer
        if not await self.acquire_permit():
            raise ProviderError("406", 200, result="limit")
        count.shape = "get_ticket_minute_earlier"
        earlier = await self._query_at(query, query.at - timedelta(minutes=1), count)
        return earlier if earlier.result != "bad_request" else answer

    async def _query_at(self, query: ReceiptQuery, at: datetime, count: RequestCount) -> ProviderAnswer:
        request = fns_messages.ticket_request(query, at)
        message_id = await self._call_action(SEND, request, fns_messages.read_message_id, count)
        ticket = await self._fetch_ticket(message_id)
        result = RESULTS.get(ticket.code, "unavailable")
        return ProviderAnswer(result, ticket.receipt, ticket.code, http=200, shape=count.shape, spent=count.spent)

    async def _fetch_ticket(self, message_id: str) -> fns_messages.Ticket:
        """Poll for the answer twice a second until it is ready or the timeout is over."""
        request = fns_messages.message_request(message_id)
        deadline = time.monotonic() + min(self.settings.timeout, ANSWER_TTL_SECONDS)
        while time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            ticket = await self._call_action(FETCH, request, fns_messages.read_ticket)
            if ticket is not None:
                return ticket
        raise ProviderError("processing", 200)

    async def _call_action(
        self, action: str, request: bytes, read: Callable[[Reply], T], count: RequestCount | None = None
    ) -> T:
        """Send a request with a token; if that is refused, once more with a new one. `count`: if it counts."""
        token = await self._valid_token()
        try:
            return await self._send_request(action, request, read, token, count)
        except AuthenticationFault:
            self._discard_token(token)
        if count and not await self.acquire_permit():
            raise ProviderError("authentication", 500)
        try:
            return await self._send_request(action, request, read, await self._valid_token(), count)
        except AuthenticationFault as fault:
            raise ProviderError("authentication", 500) from fault

    async def _send_request(
        self, action: str, request: bytes, read: Callable[[Reply], T], token: Token, count: RequestCount | None
    ) -> T:
        headers = _request_headers(action) | {"FNS-OpenApi-Token": token.value, "FNS-OpenApi-UserToken": self.user}
        if count:
            count.spent += 1
        return read(await exchange.post(self.client, self.settings, TICKET_PATH, headers=headers, content=request))

    async def _valid_token(self) -> Token:
        """The token; a new one if it is about to expire. Concurrent callers wait for the same one."""
        async with self.renewing:
            if self.token is None or datetime.now(UTC) >= self.token.expires_at - TOKEN_MARGIN:
                self.token = await self._new_token()
            return self.token

    async def _new_token(self) -> Token:
        request = fns_messages.auth_request(self.settings.token)
        reply = await exchange.post(
            self.client, self.settings, AUTH_PATH, headers=_request_headers(FETCH), content=request
        )
        try:
            return fns_messages.read_token(reply)
        except AuthenticationFault as fault:
            raise ProviderError("auth_refused", reply.status) from fault

    def _discard_token(self, token: Token) -> None:
        """Discard a refused token, unless another caller has renewed it meanwhile."""
        if self.token == token:
            self.token = None


def _request_headers(action: str) -> dict[str, str]:
    return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action}
