"""Messages of the tax service's open API: SOAP 1.1, with elements in the order of its XSD."""

from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree import ElementTree as ET

import defusedxml.ElementTree
import msgspec

from backend.earning.receipts.providers.exchange import ProviderError, Reply
from backend.earning.receipts.providers.queries import ReceiptQuery

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SYNC = "urn://x-artefacts-gnivc-ru/inplat/servin/OpenApiMessageConsumerService/types/1.0"
ASYNC = "urn://x-artefacts-gnivc-ru/inplat/servin/OpenApiAsyncMessageConsumerService/types/1.0"
AUTH = "urn://x-artefacts-gnivc-ru/ais3/kkt/AuthService/types/1.0"
TICKET = "urn://x-artefacts-gnivc-ru/ais3/kkt/KktTicketService/types/1.0"
MAX_TOKEN_LENGTH = 4096
MAX_DEPTH = 32  # of nested elements; a ticket has nine levels


class AuthenticationFault(Exception):
    """The temporary token is refused."""


class Token(NamedTuple):
    """A temporary token and its expiry."""

    value: str
    expires_at: datetime


class Ticket(NamedTuple):
    """The verdict on a receipt: the service's code and the decoded JSON, if any."""

    code: str
    receipt: object


class _DepthLimitedBuilder(ET.TreeBuilder):
    """Refuses deeply nested elements: a tree of a hundred thousand levels would take seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> ET.Element:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ValueError("elements nested too deeply")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ET.Element:
        self.depth -= 1
        return super().end(tag)


def auth_request(master_token: str) -> bytes:
    """A request for a temporary token."""
    envelope, body = _create_envelope()
    message = _add_elements(body, SYNC, "GetMessageRequest", "Message")
    _add_elements(message, AUTH, "AuthRequest", "AuthAppInfo", "MasterToken").text = master_token
    return _to_bytes(envelope)


def ticket_request(query: ReceiptQuery, at: datetime) -> bytes:
    """A request for a receipt; the sum is in kopecks, the time is the shop's wall time."""
    envelope, body = _create_envelope()
    message = _add_elements(body, ASYNC, "SendMessageRequest", "Message")
    info = _add_elements(message, TICKET, "GetTicketRequest", "GetTicketInfo")
    for name, value in (
        ("Sum", query.total),
        ("Date", at.replace(microsecond=0, tzinfo=None).isoformat()),
        ("Fn", query.fn),
        ("TypeOperation", query.operation),
        ("FiscalDocumentId", query.fd),
        ("FiscalSign", query.fp),
    ):
        _add_elements(info, TICKET, name).text = str(value)
    return _to_bytes(envelope)


def message_request(message_id: str) -> bytes:
    """A request for the answer to an earlier one."""
    envelope, body = _create_envelope()
    _add_elements(body, ASYNC, "GetMessageRequest", "MessageId").text = message_id
    return _to_bytes(envelope)


def _create_envelope() -> tuple[ET.Element, ET.Element]:
    envelope = ET.Element(f"{{{SOAP}}}Envelope")
    ET.SubElement(envelope, f"{{{SOAP}}}Header")
    return envelope, ET.SubElement(envelope, f"{{{SOAP}}}Body")


def _add_elements(element: ET.Element, namespace: str, *names: str) -> ET.Element:
    for name in names:
        element = ET.SubElement(element, f"{{{namespace}}}{name}")
    return element


def _to_bytes(envelope: ET.Element) -> bytes:
    text: bytes = ET.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return text


def read_token(reply: Reply) -> Token:
    """The temporary token.

    Raises:
        Trouble: there is none in the answer; `auth_refused` if our master token or address is refused.
    """
    found = _read_body(reply)
    value, expires = _first_text(found, AUTH, "Token"), _first_text(found, AUTH, "ExpireTime")
    if not value and found.find(f".//{{{AUTH}}}Fault") is not None:
        raise ProviderError("auth_refused", reply.status)
    if not value.isascii() or not value.isprintable() or not 0 < len(value) <= MAX_TOKEN_LENGTH:
        raise ProviderError("garbage", reply.status)
    try:
        expires_at = datetime.fromisoformat(expires)
    except ValueError as error:
        raise ProviderError("garbage", reply.status) from error
    # A time without a zone is read as UTC. If that is too late, the service sends a fault and the token is renewed.
    return Token(value, expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC))


def read_message_id(reply: Reply) -> str:
    """The id of the future answer.

    Raises:
        Trouble, AuthenticationFault: there is none.
    """
    found = _first_text(_read_body(reply), ASYNC, "MessageId")
    if not found:
        raise ProviderError("garbage", reply.status)
    return found


def read_ticket(reply: Reply) -> Ticket | None:
    """The verdict; None while the service is processing.

    Raises:
        Trouble, AuthenticationFault: neither; `message_not_found` if the service has forgotten the query.
    """
    found = _read_body(reply)
    status = _first_text(found, ASYNC, "ProcessingStatus")
    if status == "PROCESSING":
        return None
    code = _first_text(found, TICKET, "Code")
    if status != "COMPLETED" or not code:
        is_fault = found.find(f".//{{{TICKET}}}Fault") is not None
        raise ProviderError("fault" if is_fault else "garbage", reply.status)
    return Ticket(code, _read_receipt(_first_text(found, TICKET, "Ticket"), reply) if code == "200" else None)


def _read_receipt(text: str, reply: Reply) -> object:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderError("garbage", reply.status) from error
    if not isinstance(found, dict):
        raise ProviderError("garbage", reply.status)
    return found


def _read_body(reply: Reply) -> ET.Element:
    """The SOAP body. Raises a fault in it; HTTP 500 without a fault is a failure of the service."""
    if "xml" not in reply.content_type:
        raise ProviderError("content_type" if reply.status == 200 else f"http_{reply.status}", reply.status)
    try:
        parser = defusedxml.ElementTree.XMLParser(target=_DepthLimitedBuilder(), forbid_dtd=True)
        parser.feed(reply.body)
        envelope: ET.Element = parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:  # defusedxml raises ValueErrors
        raise ProviderError("garbage" if reply.status == 200 else f"http_{reply.status}", reply.status) from error
    body = envelope.find(f"{{{SOAP}}}Body")
    if body is None:
        raise ProviderError("garbage", reply.status)
    fault = body.find(f"{{{SOAP}}}Fault")
    if fault is not None:
        _raise_fault(fault, reply)
    if reply.status != 200:
        raise ProviderError(f"http_{reply.status}", reply.status)
    return body


def _raise_fault(fault: ET.Element, reply: Reply) -> None:
    names = {element.tag.rpartition("}")[2] for element in fault.iter()}
    if "AuthenticationFault" in names:
        raise AuthenticationFault
    raise ProviderError("message_not_found" if "MessageNotFoundFault" in names else "fault", reply.status)


def _first_text(element: ET.Element, namespace: str, name: str) -> str:
    found = element.find(f".//{{{namespace}}}{name}")
    return (found.text or "").strip() if found is not None else ""
