"""CSV and XLSX files of the console: how they are sent, and how the OpenAPI description shows them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter
from litestar.response import Stream

from backend.core.http import forms
from backend.core.tabular.output.table_files import XLSX, Format

FileFormat = Annotated[Format, QueryParameter(name="format")]
MEDIA: dict[Format, str] = {"csv": "text/csv", "xlsx": XLSX}


@dataclass
class FileOperation(Operation):
    """A response that is a CSV or an XLSX: the framework describes one media type only."""

    csv_example: ClassVar[str] = "redemption,at,status\r\n4711,2026-11-22 13:00:00,paid\r\n"

    def __post_init__(self) -> None:
        lines = Schema(type=OpenAPIType.STRING, examples=[self.csv_example])
        workbook = Schema(type=OpenAPIType.STRING, content_media_type=XLSX)
        content = {MEDIA["csv"]: OpenAPIMediaType(lines), MEDIA["xlsx"]: OpenAPIMediaType(workbook)}
        self.responses = (self.responses or {}) | {"200": OpenAPIResponse("The file.", content=content)}


@dataclass
class UploadOperation(Operation):
    """A request whose body is a form with one file."""

    def __post_init__(self) -> None:
        file = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream", examples=["(bytes)"])
        form = Schema(
            type=OpenAPIType.OBJECT, properties={"file": file}, required=["file"], additional_properties=False
        )
        self.request_body = RequestBody(required=True, content={forms.MULTIPART: OpenAPIMediaType(form)})


def file_response(chunks: AsyncIterator[bytes], name: str, kind: Format) -> Stream:
    """A download that is written while it is sent."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"', "Cache-Control": "private, no-store"}
    return Stream(chunks, media_type=MEDIA[kind], headers=headers)
