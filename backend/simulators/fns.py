"""The tax service's open API, played: tokens, SendMessage, GetMessage, and its faults."""

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from litestar import Request, Response, post

from backend.simulators import fns_soap, trouble
from backend.simulators.book import Asked, Book
from backend.simulators.fns_soap import Misformed

REFUSED = "refused"  # the master token that is not taken
KEPT_SECONDS = 60.0
CODES = {"found": "200", "not_yet": "404", "mismatch": "406"}
TEXTS = {
    "200": "Отправленные данные корректны",
    "400": "Формат отправленных данных некорректен",
    "404": "Чек не найден",
    "406": "Данные не прошли проверку",
    "503": "Сервис недоступен",
}
LATER = ("processing", "message_not_found", "ticket_garbage")  # what is met when the answer is fetched


class Kept(NamedTuple):
    """An answer that waits to be fetched."""

    ready_at: float
    gone_at: float
    fault: str
    code: str
    receipt: dict[str, Any] | None


class Office:
    """The tokens that are out, and the answers that wait."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.tokens: dict[str, datetime] = {}
        self.kept: dict[str, Kept] = {}

    def issue(self) -> tuple[str, datetime]:
        token = secrets.token_urlsafe(24)
        self.tokens[token] = datetime.now(UTC) + timedelta(seconds=self.book.setup.token_seconds)
        return token, self.tokens[token]

    def knows(self, token: str) -> bool:
        return token in self.tokens and datetime.now(UTC) < self.tokens[token]

    def keep(self, kept: Kept) -> str:
        now = self.book.now()
        for old in [name for name, answer in self.kept.items() if answer.gone_at < now]:
            del self.kept[old]
        message_id = str(uuid.uuid4())
        self.kept[message_id] = kept
        return message_id


@post("/open-api/AuthService/0.1")
async def auth(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A master token for a temporary one."""
    office: Office = request.app.state.office
    try:
        master = (await fns_soap.opened(request, "urn:GetMessageRequest")).findtext(fns_soap.TO_MASTER)
    except Misformed:
        return _internal()
    if not master or master == REFUSED:
        return fns_soap.token_refused()
    return fns_soap.token_answer(*office.issue())


@post("/open-api/ais3/KktService/0.1")
async def tickets(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Questions and their answers, told apart by SOAPAction."""
    office: Office = request.app.state.office
    token = request.headers.get("FNS-OpenApi-Token", "")
    action = request.headers.get("SOAPAction", "").strip('"')
    try:
        body = await fns_soap.opened(request, action)
        fns_soap.check_user(request)
        if action == "urn:SendMessageRequest":
            return await _send(office, token, fns_soap.question(body))
    except Misformed:
        return _internal()
    if action == "urn:GetMessageRequest":
        return _get(office, token, body.findtext(fns_soap.TO_MESSAGE) or "")
    return _internal()


async def _send(office: Office, token: str, asked: Asked) -> Response[bytes]:
    """Take a question: it counts whatever becomes of it."""
    book = office.book
    if not book.arrive("fns", asked.key, "get_ticket"):
        return Response(b"", status_code=429, headers={"Retry-After": "1" if book.setup.per_second else "3600"})
    if not office.knows(token):
        return _unauthenticated()
    fault = book.fault("fns", asked.key)
    if fault == "authentication":
        office.tokens.pop(token, None)
        return _unauthenticated()
    if fault == "http_500":
        return _internal()
    played = await trouble.play(fault, book.setup, fns_soap.XML_TYPE)
    return played or fns_soap.sent(office.keep(_found(book, asked, fault)))


def _found(book: Book, asked: Asked, fault: str) -> Kept:
    ready_at = book.now() + book.setup.lag
    if fault.startswith("code_"):
        code = fault.removeprefix("code_")
    elif fault in LATER:
        code = "200"
    else:
        code = CODES[book.verdict("fns", asked)]
        book.logs["fns"].answers[code] += 1
    receipt = book.entries[asked.key].receipt if code == "200" and asked.key in book.entries else None
    return Kept(ready_at, ready_at + KEPT_SECONDS, fault, code, receipt)


def _get(office: Office, token: str, message_id: str) -> Response[bytes]:
    """An answer that is ready; it may be fetched again while it is kept."""
    book = office.book
    if not office.knows(token):
        return _unauthenticated()
    book.logs["fns"].polls.setdefault(message_id, []).append(book.now())
    kept = office.kept.get(message_id)
    if kept is None or kept.gone_at < book.now() or kept.fault == "message_not_found":
        return fns_soap.fault("Сообщение не найдено", "MessageNotFoundFault")
    if kept.fault == "processing" or book.now() < kept.ready_at:
        return fns_soap.processing()
    ticket = None
    if kept.receipt is not None:
        ticket = msgspec.json.encode({"document": {"receipt": kept.receipt}}).decode()
    if kept.fault == "ticket_garbage":
        ticket = '{"document":'
    return fns_soap.completed(kept.code, ticket=ticket, text=TEXTS.get(kept.code, "Ошибка"))


def _unauthenticated() -> Response[bytes]:
    return fns_soap.fault("Ошибка проверки подлинности", "AuthenticationFault")


def _internal() -> Response[bytes]:
    return fns_soap.fault("Внутренняя серверная ошибка")
