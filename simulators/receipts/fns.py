"""Simulator of the tax service's open API: tokens, SendMessage, GetMessage, and its faults."""

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from litestar import Response, post

from simulators import common_faults
from simulators.receipts import fns_soap
from simulators.receipts.fns_soap import MalformedRequest
from simulators.requests import SimulatorRequest
from simulators.state import ReceiptRequest, SimulatorState

REFUSED = "refused"  # a master token that is refused
ANSWER_TTL_SECONDS = 60.0
CODES = {"found": "200", "not_yet": "404", "mismatch": "406"}
TEXTS = {
    "200": "Отправленные данные корректны",
    "400": "Формат отправленных данных некорректен",
    "404": "Чек не найден",
    "406": "Данные не прошли проверку",
    "503": "Сервис недоступен",
}
FETCH_FAULTS = ("processing", "message_not_found", "ticket_garbage")  # faults when the answer is fetched


class StoredAnswer(NamedTuple):
    """An answer that can be fetched."""

    ready_at: float
    gone_at: float
    fault: str
    code: str
    receipt: dict[str, Any] | None


class TaxService:
    """The issued tokens and the stored answers."""

    def __init__(self, book: SimulatorState) -> None:
        self.book = book
        self.tokens: dict[str, datetime] = {}
        self.answers: dict[str, StoredAnswer] = {}

    def issue(self) -> tuple[str, datetime]:
        token = secrets.token_urlsafe(24)
        self.tokens[token] = datetime.now(UTC) + timedelta(seconds=self.book.setup.token_seconds)
        return token, self.tokens[token]

    def is_valid(self, token: str) -> bool:
        return token in self.tokens and datetime.now(UTC) < self.tokens[token]

    def store(self, answer: StoredAnswer) -> str:
        now = self.book.now()
        for old in [name for name, stored in self.answers.items() if stored.gone_at < now]:
            del self.answers[old]
        message_id = str(uuid.uuid4())
        self.answers[message_id] = answer
        return message_id


@post("/open-api/AuthService/0.1")
async def issue_token(request: SimulatorRequest) -> Response[bytes]:
    """Exchange a master token for a temporary one."""
    service: TaxService = request.app.state.office
    try:
        master = (await fns_soap.read_body(request, "urn:GetMessageRequest")).findtext(fns_soap.MASTER_TOKEN_PATH)
    except MalformedRequest:
        return _internal_error()
    if not master or master == REFUSED:
        return fns_soap.token_refused()
    return fns_soap.token_response(*service.issue())


@post("/open-api/ais3/KktService/0.1")
async def handle_message(request: SimulatorRequest) -> Response[bytes]:
    """Accept queries and return their answers, by SOAPAction."""
    service: TaxService = request.app.state.office
    token = request.headers.get("FNS-OpenApi-Token", "")
    action = request.headers.get("SOAPAction", "").strip('"')
    try:
        body = await fns_soap.read_body(request, action)
        fns_soap.check_user(request)
        if action == "urn:SendMessageRequest":
            return await _accept_query(service, token, fns_soap.read_query(body))
    except MalformedRequest:
        return _internal_error()
    if action == "urn:GetMessageRequest":
        return _fetch_answer(service, token, body.findtext(fns_soap.MESSAGE_ID_PATH) or "")
    return _internal_error()


async def _accept_query(service: TaxService, token: str, query: ReceiptRequest) -> Response[bytes]:
    """Accept a query; it counts against the quota in any case."""
    book = service.book
    if not book.arrive("fns", query.key, "get_ticket"):
        return Response(b"", status_code=429, headers={"Retry-After": "1" if book.setup.per_second else "3600"})
    if not service.is_valid(token):
        return _unauthenticated_response()
    fault = book.fault("fns", query.key)
    if fault == "authentication":
        service.tokens.pop(token, None)
        return _unauthenticated_response()
    if fault == "http_500":
        return _internal_error()
    played = await common_faults.play_fault(fault, book.setup, fns_soap.XML_TYPE)
    return played or fns_soap.message_accepted(service.store(_answer_for(book, query, fault)))


def _answer_for(book: SimulatorState, query: ReceiptRequest, fault: str) -> StoredAnswer:
    ready_at = book.now() + book.setup.lag
    if fault.startswith("code_"):
        code = fault.removeprefix("code_")
    elif fault in FETCH_FAULTS:
        code = "200"
    else:
        code = CODES[book.verdict("fns", query)]
        book.logs["fns"].answers[code] += 1
    receipt = book.entries[query.key].receipt if code == "200" and query.key in book.entries else None
    return StoredAnswer(ready_at, ready_at + ANSWER_TTL_SECONDS, fault, code, receipt)


def _fetch_answer(service: TaxService, token: str, message_id: str) -> Response[bytes]:
    """Return an answer that is ready; it may be fetched again while it is stored."""
    book = service.book
    if not service.is_valid(token):
        return _unauthenticated_response()
    book.logs["fns"].polls.setdefault(message_id, []).append(book.now())
    answer = service.answers.get(message_id)
    if answer is None or answer.gone_at < book.now() or answer.fault == "message_not_found":
        return fns_soap.fault_response("Сообщение не найдено", "MessageNotFoundFault")
    if answer.fault == "processing" or book.now() < answer.ready_at:
        return fns_soap.processing()
    ticket = None
    if answer.receipt is not None:
        ticket = msgspec.json.encode({"document": {"receipt": answer.receipt}}).decode()
    if answer.fault == "ticket_garbage":
        ticket = '{"document":'
    return fns_soap.completed(answer.code, ticket=ticket, text=TEXTS.get(answer.code, "Ошибка"))


def _unauthenticated_response() -> Response[bytes]:
    return fns_soap.fault_response("Ошибка проверки подлинности", "AuthenticationFault")


def _internal_error() -> Response[bytes]:
    return fns_soap.fault_response("Внутренняя серверная ошибка")
