"""What is said to and by the tax service's open API: SOAP 1.1, the order of elements as its XSD has it."""

from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree import ElementTree as ET

import defusedxml.ElementTree
import msgspec

from backend.receipts.providers.answers import Question
from backend.receipts.providers.exchange import Reply, Trouble

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SYNC = "urn://x-artefacts-gnivc-ru/inplat/servin/OpenApiMessageConsumerService/types/1.0"
ASYNC = "urn://x-artefacts-gnivc-ru/inplat/servin/OpenApiAsyncMessageConsumerService/types/1.0"
AUTH = "urn://x-artefacts-gnivc-ru/ais3/kkt/AuthService/types/1.0"
TICKET = "urn://x-artefacts-gnivc-ru/ais3/kkt/KktTicketService/types/1.0"
LONGEST_TOKEN = 4096
DEEPEST = 32  # elements in one another; a ticket stands nine deep


class AuthenticationFault(Exception):
    """The temporary token is not (or no longer) taken."""


class Token(NamedTuple):
    """A temporary token and the time at which it ends."""

    value: str
    expires_at: datetime


class Ticket(NamedTuple):
    """The verdict on a receipt: the service's code, and the decoded JSON if there is one."""

    code: str
    receipt: object


class _Shallow(ET.TreeBuilder):
    """Builds no tree of a hundred thousand elements in one another: that alone would take seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> ET.Element:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError("elements too deep in one another")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ET.Element:
        self.depth -= 1
        return super().end(tag)


def auth_request(master_token: str) -> bytes:
    """Ask for a temporary token."""
    envelope, body = _envelope()
    message = _within(body, SYNC, "GetMessageRequest", "Message")
    _within(message, AUTH, "AuthRequest", "AuthAppInfo", "MasterToken").text = master_token
    return _text(envelope)


def ticket_request(question: Question, at: datetime) -> bytes:
    """Ask for a receipt; the sum is in kopecks, the time as the shop's clock showed it."""
    envelope, body = _envelope()
    asked = _within(body, ASYNC, "SendMessageRequest", "Message")
    asked = _within(asked, TICKET, "GetTicketRequest", "GetTicketInfo")
    for name, value in (
        ("Sum", question.total),
        ("Date", at.replace(microsecond=0, tzinfo=None).isoformat()),
        ("Fn", question.fn),
        ("TypeOperation", question.operation),
        ("FiscalDocumentId", question.fd),
        ("FiscalSign", question.fp),
    ):
        _within(asked, TICKET, name).text = str(value)
    return _text(envelope)


def message_request(message_id: str) -> bytes:
    """Ask what came of a request."""
    envelope, body = _envelope()
    _within(body, ASYNC, "GetMessageRequest", "MessageId").text = message_id
    return _text(envelope)


def _envelope() -> tuple[ET.Element, ET.Element]:
    envelope = ET.Element(f"{{{SOAP}}}Envelope")
    ET.SubElement(envelope, f"{{{SOAP}}}Header")
    return envelope, ET.SubElement(envelope, f"{{{SOAP}}}Body")


def _within(element: ET.Element, namespace: str, *names: str) -> ET.Element:
    for name in names:
        element = ET.SubElement(element, f"{{{namespace}}}{name}")
    return element


def _text(envelope: ET.Element) -> bytes:
    text: bytes = ET.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return text


def read_token(reply: Reply) -> Token:
    """The temporary token.

    Raises:
        Trouble: there is none in the answer; `auth_refused` if our master token or address is not taken.
    """
    found = _body(reply)
    value, expires = _first(found, AUTH, "Token"), _first(found, AUTH, "ExpireTime")
    if not value and found.find(f".//{{{AUTH}}}Fault") is not None:
        raise Trouble("auth_refused", reply.status)
    if not value.isascii() or not value.isprintable() or not 0 < len(value) <= LONGEST_TOKEN:
        raise Trouble("garbage", reply.status)
    try:
        expires_at = datetime.fromisoformat(expires)
    except ValueError as error:
        raise Trouble("garbage", reply.status) from error
    # A time without a zone is taken as UTC: if that is too late, a fault tells us and the token is asked for anew.
    return Token(value, expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC))


def read_message_id(reply: Reply) -> str:
    """Under which id the answer will lie.

    Raises:
        Trouble, AuthenticationFault: there is none.
    """
    found = _first(_body(reply), ASYNC, "MessageId")
    if not found:
        raise Trouble("garbage", reply.status)
    return found


def read_ticket(reply: Reply) -> Ticket | None:
    """The verdict, or nothing while it is being found.

    Raises:
        Trouble, AuthenticationFault: neither; `message_not_found` if the service has forgotten the question.
    """
    found = _body(reply)
    status = _first(found, ASYNC, "ProcessingStatus")
    if status == "PROCESSING":
        return None
    code = _first(found, TICKET, "Code")
    if status != "COMPLETED" or not code:
        is_fault = found.find(f".//{{{TICKET}}}Fault") is not None
        raise Trouble("fault" if is_fault else "garbage", reply.status)
    return Ticket(code, _receipt(_first(found, TICKET, "Ticket"), reply) if code == "200" else None)


def _receipt(text: str, reply: Reply) -> object:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Trouble("garbage", reply.status) from error
    if not isinstance(found, dict):
        raise Trouble("garbage", reply.status)
    return found


def _body(reply: Reply) -> ET.Element:
    """The SOAP body. A fault in it is raised; HTTP 500 without one is the service's own trouble."""
    if "xml" not in reply.content_type:
        raise Trouble("content_type" if reply.status == 200 else f"http_{reply.status}", reply.status)
    try:
        parser = defusedxml.ElementTree.XMLParser(target=_Shallow(), forbid_dtd=True)
        parser.feed(reply.body)
        envelope: ET.Element = parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:  # defusedxml's refusals are ValueErrors
        raise Trouble("garbage" if reply.status == 200 else f"http_{reply.status}", reply.status) from error
    body = envelope.find(f"{{{SOAP}}}Body")
    if body is None:
        raise Trouble("garbage", reply.status)
    fault = body.find(f"{{{SOAP}}}Fault")
    if fault is not None:
        _raise_fault(fault, reply)
    if reply.status != 200:
        raise Trouble(f"http_{reply.status}", reply.status)
    return body


def _raise_fault(fault: ET.Element, reply: Reply) -> None:
    names = {element.tag.rpartition("}")[2] for element in fault.iter()}
    if "AuthenticationFault" in names:
        raise AuthenticationFault
    raise Trouble("message_not_found" if "MessageNotFoundFault" in names else "fault", reply.status)


def _first(element: ET.Element, namespace: str, name: str) -> str:
    found = element.find(f".//{{{namespace}}}{name}")
    return (found.text or "").strip() if found is not None else ""
