"""What a phone hands in: JSON with a text, or a picture as multipart; read here because one address takes both."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile
from litestar.exceptions import ValidationException
from litestar.openapi.spec import Encoding, OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from backend.errors import Invalid, TooLarge, Unsupported
from backend.scans import receipts
from backend.scans.decoder import Decoder
from backend.scans.schemas import ScanIn
from backend.settings import Settings
from scanning import payload
from scanning.header import Limits
from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported

TEXT_BYTES = 16 * 1024
MOST_CODES = 50  # of one picture


class PictureTooBig(TooLarge):
    """The picture is too large. Send it smaller: 2,000 pixels are enough."""


class PictureKind(Unsupported):
    """This is not a picture that we read. Send JPEG, PNG, WebP, HEIC or PDF."""


class PictureBroken(Invalid):
    """The picture cannot be read. Take it again."""


class Picture(msgspec.Struct, frozen=True):
    """A picture's bytes and the hash that tells a repeat from another picture under the same id."""

    content: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.content).digest()[:16]


async def read(request: Request[Any, Any, Any]) -> ScanIn | Picture:
    """The body, whichever of the two it is.

    Raises:
        ValidationException: it is neither, or a field does not fit. PictureKind: another media type.
    """
    media, _ = request.content_type
    if media == "application/json":
        return _text(await request.body())
    if media == "multipart/form-data":
        return await picture_of(request)
    raise PictureKind


def _text(body: bytes) -> ScanIn:
    if len(body) > TEXT_BYTES:
        raise TooLarge
    try:
        return msgspec.json.decode(body, type=ScanIn)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValidationException(extra=[{"key": "body", "message": str(error)}]) from error


async def picture_of(request: Request[Any, Any, Any]) -> Picture:
    """The picture in a form.

    Raises:
        ValidationException: the form has no picture, several, or something else.
    """
    form = await request.form()
    file = form.get("file")
    if not isinstance(file, UploadFile) or set(form) - {"file", "taken_at"} or len(form.getall("file")) > 1:
        raise ValidationException(extra=[{"key": "file", "message": "Send one picture in the field `file`."}])
    taken_at = form.get("taken_at")
    if taken_at is not None:
        try:
            msgspec.convert(taken_at, datetime)
        except msgspec.ValidationError as error:
            raise ValidationException(extra=[{"key": "taken_at", "message": str(error)}]) from error
    return Picture(await file.read())


async def codes(decoder: Decoder, picture: Picture) -> list[payload.Payload]:
    """What the codes of a picture are; each once, in the order found.

    Raises:
        PictureTooBig, PictureKind, PictureBroken: the picture's own faults. DecoderBusy: too many wait.
    """
    with _faults():
        symbols = await decoder.read(picture.content)
    found = [payload.classify(symbol.text) for symbol in symbols if symbol.text.strip()]
    return receipts.chosen(list(dict.fromkeys(found)))[:MOST_CODES]


async def clean(decoder: Decoder, picture: Picture) -> bytes:
    """A picture fit to be kept, as a JPEG without metadata.

    Raises:
        PictureTooBig, PictureKind, PictureBroken: the picture's own faults. DecoderBusy: too many wait.
    """
    with _faults():
        return await decoder.clean(picture.content)


@contextmanager
def _faults() -> Iterator[None]:
    """A picture's problems as refusals."""
    try:
        yield
    except PictureTooLarge as error:
        raise PictureTooBig from error
    except PictureUnsupported as error:
        raise PictureKind from error
    except PictureUnreadable as error:
        raise PictureBroken from error


def limits(settings: Settings, now: datetime) -> Limits:
    """How large a picture may be today."""
    day = now.date()
    return Limits(
        bytes=settings.numbers.at("picture_bytes", day),
        pixels=settings.numbers.at("picture_pixels", day),
    )


TAKEN_AT = Schema(
    type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME, description="When the phone saw it.",
    examples=["2026-11-22T09:59:00Z"],
)  # fmt: skip
FILE = Schema(
    type=OpenAPIType.STRING,
    content_media_type="application/octet-stream",
    description="JPEG, PNG, WebP, HEIC, or a PDF page.",
    examples=["(bytes)"],
)
FORM = Schema(
    type=OpenAPIType.OBJECT,
    properties={"file": FILE, "taken_at": TAKEN_AT},
    required=["file"],
    additional_properties=False,
)
KINDS = "image/jpeg, image/png, image/webp, image/heic, application/pdf"
PICTURE = OpenAPIMediaType(FORM, encoding={"file": Encoding(content_type=KINDS)})


@dataclass
class ScanOperation(Operation):
    """The operation with both bodies: the framework knows only one for a route."""

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
    """The operation with a picture for its body."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(required=True, content={"multipart/form-data": PICTURE})
