"""SOAP messages of the simulated tax service: strict about requests, responses in the documented shapes."""

import base64
import binascii
from datetime import datetime
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import defusedxml.ElementTree
from litestar import Response

from simulators.requests import SimulatorRequest
from simulators.state import ReceiptRequest

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SYNC = "urn://x-artefacts-gnivc-ru/inplat/servin/OpenApiMessageConsumerService/types/1.0"
ASYNC = "urn://x-artefacts-gnivc-ru/inplat/servin/OpenApiAsyncMessageConsumerService/types/1.0"
AUTH = "urn://x-artefacts-gnivc-ru/ais3/kkt/AuthService/types/1.0"
TICKET = "urn://x-artefacts-gnivc-ru/ais3/kkt/KktTicketService/types/1.0"
MASTER_TOKEN_PATH = "/".join(
    (
        f"{{{SYNC}}}GetMessageRequest",
        f"{{{SYNC}}}Message",
        f"{{{AUTH}}}AuthRequest",
        f"{{{AUTH}}}AuthAppInfo",
        f"{{{AUTH}}}MasterToken",
    )
)
TICKET_PATH = "/".join(
    (
        f"{{{ASYNC}}}SendMessageRequest",
        f"{{{ASYNC}}}Message",
        f"{{{TICKET}}}GetTicketRequest",
        f"{{{TICKET}}}GetTicketInfo",
    )
)
MESSAGE_ID_PATH = f"{{{ASYNC}}}GetMessageRequest/{{{ASYNC}}}MessageId"
FIELDS = ("Sum", "Date", "Fn", "TypeOperation", "FiscalDocumentId", "FiscalSign")
MAX_USER_LENGTH = 160
XML_TYPE = "text/xml; charset=utf-8"


class MalformedRequest(Exception):
    """The request does not match the service's XSD."""


async def read_body(request: SimulatorRequest, action: str) -> ET.Element:
    """The SOAP body of a request with valid headers."""
    if request.headers.get("SOAPAction", "").strip('"') != action:
        raise MalformedRequest
    if request.headers.get("Content-Type", "").replace(" ", "").lower() != "text/xml;charset=utf-8":
        raise MalformedRequest
    try:
        found: ET.Element | None = defusedxml.ElementTree.fromstring(await request.body()).find(f"{{{SOAP}}}Body")
    except (ET.ParseError, ValueError) as error:
        raise MalformedRequest from error
    if found is None:
        raise MalformedRequest
    return found


def read_query(body: ET.Element) -> ReceiptRequest:
    """The six fields in the order of the XSD's sequence."""
    ticket = body.find(TICKET_PATH)
    if ticket is None or [child.tag for child in ticket] != [f"{{{TICKET}}}{name}" for name in FIELDS]:
        raise MalformedRequest
    total, at, fn, operation, fd, fp = (child.text or "" for child in ticket)
    try:
        local_time = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - a shop's wall time
        return ReceiptRequest(fn, int(fd), int(fp), local_time, int(total), int(operation))
    except ValueError as error:
        raise MalformedRequest from error


def check_user(request: SimulatorRequest) -> None:
    """The user's header: base64, of a bounded length."""
    header = request.headers.get("FNS-OpenApi-UserToken", "")
    try:
        if not 0 < len(header) <= MAX_USER_LENGTH or not base64.b64decode(header, validate=True):
            raise MalformedRequest
    except binascii.Error as error:
        raise MalformedRequest from error


def token_response(token: str, ends_at: datetime) -> Response[bytes]:
    """A temporary token."""
    inside = element("tns:Token", token) + element("tns:ExpireTime", f"{ends_at:%Y-%m-%dT%H:%M:%SZ}")
    return _auth_response(element("tns:Result", inside))


def token_refused() -> Response[bytes]:
    """A refused master token."""
    return _auth_response(element("tns:Fault", element("tns:Message", "Доступ запрещен")))


def _auth_response(inside: str) -> Response[bytes]:
    message = element("ns:Message", element("tns:AuthResponse", inside, tns=AUTH))
    return envelope(element("ns:GetMessageResponse", message, ns=SYNC))


def message_accepted(message_id: str) -> Response[bytes]:
    """An accepted query."""
    return envelope(element("ns:SendMessageResponse", element("ns:MessageId", message_id), ns=ASYNC))


def processing() -> Response[bytes]:
    """An answer that is not ready."""
    return envelope(element("ns:GetMessageResponse", element("ns:ProcessingStatus", "PROCESSING"), ns=ASYNC))


def completed(code: str, *, ticket: str | None, text: str) -> Response[bytes]:
    """The verdict: a receipt as JSON, or a text."""
    content = element("tns:Message", text) if ticket is None else element("tns:Ticket", escape(ticket))
    result = element("tns:Result", element("tns:Code", code) + content)
    message = element("ns:Message", element("tns:GetTicketResponse", result, tns=TICKET))
    return envelope(element("ns:GetMessageResponse", element("ns:ProcessingStatus", "COMPLETED") + message, ns=ASYNC))


def fault_response(text: str, name: str = "") -> Response[bytes]:
    """A SOAP fault; a named one has its name in the detail."""
    inside = element("faultcode", "soapenv:Server") + element("faultstring", text)
    inside += element("detail", element(f"ns:{name}", "", ns=ASYNC)) if name else ""
    return envelope(element("soapenv:Fault", inside), status=500)


def element(name: str, inside: str, **namespaces: str) -> str:
    """One element; `inside` is XML."""
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in namespaces.items())
    return f"<{name}{declared}>{inside}</{name}>"


def envelope(inside: str, status: int = 200) -> Response[bytes]:
    """The whole response."""
    text = element("soapenv:Envelope", element("soapenv:Body", inside), soapenv=SOAP)
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), status_code=status, media_type=XML_TYPE)
