"""Reads the body of a scan: JSON with a text, or a picture as multipart. One path accepts both."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from litestar.exceptions import ValidationException
from litestar.openapi.spec import Encoding, OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from backend.core.http import forms
from backend.core.http.errors import Invalid, TooLarge, Unsupported
from backend.core.http.request_validation import reject_repeated_keys
from backend.core.http.requests import HTTPRequest
from backend.core.settings import Settings
from backend.earning.scans import receipts
from backend.earning.scans.code_details import PictureCode
from backend.earning.scans.pictures.decoder import Decoder, Payer
from backend.earning.scans.schemas import SCAN_TIME_DESCRIPTION, ScanIn
from scanning import payload
from scanning.payload import Payload
from scanning.pictures.header import Limits
from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported

TEXT_BYTES = 16 * 1024
MAX_CODES = 50  # of one picture
MAX_BODY = 24 * 2**20  # bytes of a form with a picture; `picture_bytes` limits the picture
TEXT_FIELDS = frozenset({"taken_at"})


class PictureTooBig(TooLarge):
    """The picture is too large. Send it smaller: 2,000 pixels are enough."""

    code = "picture_too_big"


class PictureKind(Unsupported):
    """This is not a picture that we read. Send JPEG, PNG, WebP, HEIC or PDF."""

    code = "picture_kind"


class PictureBroken(Invalid):
    """The picture cannot be read. Take it again."""

    code = "picture_broken"


class Picture(msgspec.Struct, frozen=True):
    """The bytes and time of a picture, and the hash that distinguishes pictures under the same id."""

    content: bytes
    scanned_at: datetime | None = None

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.content).digest()[:16]


async def read_body(request: HTTPRequest) -> ScanIn | Picture:
    """The body: a text or a picture.

    Raises:
        ValidationException: the body or a field is invalid. PictureKind: another media type.
    """
    media, _ = request.content_type
    if media == "application/json":
        return _parse_body(await request.body())
    if media == "multipart/form-data":
        return await read_picture(request)
    raise PictureKind


def _parse_body(body: bytes) -> ScanIn:
    if len(body) > TEXT_BYTES:
        raise TooLarge
    try:
        found = msgspec.json.decode(body, type=ScanIn)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValidationException(extra=[{"key": "body", "message": str(error)}]) from error
    reject_repeated_keys(body)
    return found


async def read_picture(request: HTTPRequest) -> Picture:
    """The picture in a form.

    Raises:
        ValidationException: the form has no picture, several, or something else.
    """
    file = forms.Memory()
    texts = await forms.read(request, file, TEXT_FIELDS)
    return Picture(file.content(), _parse_time(texts.get("taken_at")))


def _parse_time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        scanned_at = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise forms.refused(str(error), "taken_at") from error
    # A time without an offset is ambiguous: the time of arrival counts.
    return scanned_at if scanned_at.tzinfo else None


async def picture_codes(decoder: Decoder, picture: Picture, payer: Payer) -> list[PictureCode]:
    """The codes of a picture with their places, without duplicates, in the order found.

    Raises:
        PictureTooBig, PictureKind, PictureBroken: the picture is at fault. DecoderBusy: too many pictures wait.
    """
    with _translate_faults():
        symbols = await decoder.read(picture.content, payer)
    found: dict[Payload, PictureCode] = {}
    for symbol in symbols:
        if symbol.text.strip():
            code = payload.classify(symbol.text)
            found.setdefault(code, PictureCode.of(code, symbol))
    return [found[code] for code in receipts.choose_codes(list(found))[:MAX_CODES]]


async def clean_picture(decoder: Decoder, picture: Picture, payer: Payer) -> bytes:
    """The picture as a small JPEG without metadata, for storage.

    Raises:
        PictureTooBig, PictureKind, PictureBroken: the picture is at fault. DecoderBusy: too many pictures wait.
    """
    with _translate_faults():
        return await decoder.clean(picture.content, payer)


@contextmanager
def _translate_faults() -> Iterator[None]:
    """Translate problems of a picture into refusals."""
    try:
        yield
    except PictureTooLarge as error:
        raise PictureTooBig from error
    except PictureUnsupported as error:
        raise PictureKind from error
    except PictureUnreadable as error:
        raise PictureBroken from error


def picture_limits(settings: Settings, now: datetime) -> Limits:
    """The limits of a picture's size on a day."""
    day = now.date()
    return Limits(
        bytes=settings.numbers.at("picture_bytes", day),
        pixels=settings.numbers.at("picture_pixels", day),
    )


SCAN_TIME = Schema(
    type=OpenAPIType.STRING,
    format=OpenAPIFormat.DATE_TIME,
    description=SCAN_TIME_DESCRIPTION,
    examples=["2026-11-22T09:59:00Z"],
)
FILE = Schema(
    type=OpenAPIType.STRING,
    content_media_type="application/octet-stream",
    description="JPEG, PNG, WebP, HEIC or PDF; up to 20 MiB and 64 megapixels.",
    examples=["(bytes)"],
)
FORM = Schema(
    type=OpenAPIType.OBJECT,
    properties={"file": FILE, "taken_at": SCAN_TIME},
    required=["file"],
    additional_properties=False,
)
MEDIA_TYPES = "image/jpeg, image/png, image/webp, image/heic, application/pdf"
PICTURE = OpenAPIMediaType(FORM, encoding={"file": Encoding(content_type=MEDIA_TYPES)})


@dataclass
class ScanOperation(Operation):
    """The OpenAPI operation with both bodies: the framework supports only one for a route."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            required=True,
            content={
                "application/json": OpenAPIMediaType(Reference("#/components/schemas/ScanIn")),
                "multipart/form-data": PICTURE,
            },
        )


@dataclass
class PictureOperation(Operation):
    """The OpenAPI operation with a picture as its body."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(required=True, content={"multipart/form-data": PICTURE})
