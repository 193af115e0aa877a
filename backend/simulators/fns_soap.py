"""The tax service's SOAP, as it reads and writes it: strict about what comes in, the documented shapes out."""

import base64
import binascii
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import defusedxml.ElementTree
from litestar import Request, Response

from backend.simulators.book import Asked

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SYNC = "urn://x-artefacts-gnivc-ru/inplat/servin/OpenApiMessageConsumerService/types/1.0"
ASYNC = "urn://x-artefacts-gnivc-ru/inplat/servin/OpenApiAsyncMessageConsumerService/types/1.0"
AUTH = "urn://x-artefacts-gnivc-ru/ais3/kkt/AuthService/types/1.0"
TICKET = "urn://x-artefacts-gnivc-ru/ais3/kkt/KktTicketService/types/1.0"
TO_MASTER = "/".join((f"{{{SYNC}}}GetMessageRequest", f"{{{SYNC}}}Message", f"{{{AUTH}}}AuthRequest",
                      f"{{{AUTH}}}AuthAppInfo", f"{{{AUTH}}}MasterToken"))  # fmt: skip
TO_TICKET = "/".join((f"{{{ASYNC}}}SendMessageRequest", f"{{{ASYNC}}}Message", f"{{{TICKET}}}GetTicketRequest",
                      f"{{{TICKET}}}GetTicketInfo"))  # fmt: skip
TO_MESSAGE = f"{{{ASYNC}}}GetMessageRequest/{{{ASYNC}}}MessageId"
FIELDS = ("Sum", "Date", "Fn", "TypeOperation", "FiscalDocumentId", "FiscalSign")
LONGEST_USER = 160
XML_TYPE = "text/xml; charset=utf-8"


class Misformed(Exception):
    """The request is not as the service's XSD has it."""


async def opened(request: Request[Any, Any, Any], action: str) -> ET.Element:
    """The SOAP body of a request whose headers are right."""
    if request.headers.get("SOAPAction", "").strip('"') != action:
        raise Misformed
    if request.headers.get("Content-Type", "").replace(" ", "").lower() != "text/xml;charset=utf-8":
        raise Misformed
    try:
        found: ET.Element | None = defusedxml.ElementTree.fromstring(await request.body()).find(f"{{{SOAP}}}Body")
    except (ET.ParseError, ValueError) as error:
        raise Misformed from error
    if found is None:
        raise Misformed
    return found


def question(body: ET.Element) -> Asked:
    """The six fields in the order of the XSD's sequence."""
    ticket = body.find(TO_TICKET)
    if ticket is None or [child.tag for child in ticket] != [f"{{{TICKET}}}{name}" for name in FIELDS]:
        raise Misformed
    total, at, fn, operation, fd, fp = (child.text or "" for child in ticket)
    try:
        asked_at = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - a shop's wall time
        return Asked(fn, int(fd), int(fp), asked_at, int(total), int(operation))
    except ValueError as error:
        raise Misformed from error


def check_user(request: Request[Any, Any, Any]) -> None:
    """The user's header: base64, of a bounded length."""
    header = request.headers.get("FNS-OpenApi-UserToken", "")
    try:
        if not 0 < len(header) <= LONGEST_USER or not base64.b64decode(header, validate=True):
            raise Misformed
    except binascii.Error as error:
        raise Misformed from error


def token_answer(token: str, ends_at: datetime) -> Response[bytes]:
    """A temporary token."""
    inside = element("tns:Token", token) + element("tns:ExpireTime", f"{ends_at:%Y-%m-%dT%H:%M:%SZ}")
    return _auth(element("tns:Result", inside))


def token_refused() -> Response[bytes]:
    """None: the master token is not taken."""
    return _auth(element("tns:Fault", element("tns:Message", "Доступ запрещен")))


def _auth(inside: str) -> Response[bytes]:
    message = element("ns:Message", element("tns:AuthResponse", inside, tns=AUTH))
    return envelope(element("ns:GetMessageResponse", message, ns=SYNC))


def sent(message_id: str) -> Response[bytes]:
    """A question is taken."""
    return envelope(element("ns:SendMessageResponse", element("ns:MessageId", message_id), ns=ASYNC))


def processing() -> Response[bytes]:
    """Its answer is not ready."""
    return envelope(element("ns:GetMessageResponse", element("ns:ProcessingStatus", "PROCESSING"), ns=ASYNC))


def completed(code: str, *, ticket: str | None, text: str) -> Response[bytes]:
    """The verdict: a receipt as JSON, or a text."""
    told = element("tns:Message", text) if ticket is None else element("tns:Ticket", escape(ticket))
    result = element("tns:Result", element("tns:Code", code) + told)
    message = element("ns:Message", element("tns:GetTicketResponse", result, tns=TICKET))
    return envelope(element("ns:GetMessageResponse", element("ns:ProcessingStatus", "COMPLETED") + message, ns=ASYNC))


def fault(text: str, name: str = "") -> Response[bytes]:
    """A SOAP fault; those that have a name say it in the detail."""
    inside = element("faultcode", "soapenv:Server") + element("faultstring", text)
    inside += element("detail", element(f"ns:{name}", "", ns=ASYNC)) if name else ""
    return envelope(element("soapenv:Fault", inside), status=500)


def element(name: str, inside: str, **namespaces: str) -> str:
    """One element; what is inside is XML already."""
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in namespaces.items())
    return f"<{name}{declared}>{inside}</{name}>"


def envelope(inside: str, status: int = 200) -> Response[bytes]:
    """The whole answer."""
    text = element("soapenv:Envelope", element("soapenv:Body", inside), soapenv=SOAP)
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), status_code=status, media_type=XML_TYPE)
