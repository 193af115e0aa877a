"""Lists in pages: opaque cursors, the query parameters of lists, and pages of rows."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar, cast

import msgspec
from litestar.params import PathParameter, QueryParameter

from backend.core.http.errors import Invalid
from backend.core.http.models import KEY

T = TypeVar("T")
Row = TypeVar("Row")

Key = Annotated[str, PathParameter(pattern=KEY, description="Chosen by the brand.")]
# Where lists by key go on, and lists by number.
AfterKey = Annotated[str | None, QueryParameter(name="cursor", max_length=400)]
AfterNumber = Annotated[str | None, QueryParameter(name="cursor", max_length=64)]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]
LargeLimit = Annotated[int, QueryParameter(ge=1, le=1000)]


class CursorInvalid(Invalid):
    """This cursor is not one of ours. Begin again without it."""

    code = "cursor_invalid"


def encode_cursor(*parts: int | str) -> str:
    """An opaque position in a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def number_from_cursor(text: str | None, kind: type[int] = int) -> int | None:
    """Decode the cursor of a list sorted by number.

    Raises:
        CursorInvalid: the text was not made by `encode_cursor`.
    """
    if text is None:
        return None
    number = _decode_cursor(text, int)
    if not 0 <= number < 2**63:
        raise CursorInvalid
    return kind(number)


def text_from_cursor(text: str | None) -> str | None:
    """Decode the cursor of a list sorted by name.

    Raises:
        CursorInvalid: the text was not made by `encode_cursor`.
    """
    if text is None:
        return None
    name = _decode_cursor(text, str)
    if "\0" in name:
        raise CursorInvalid
    return name


def _decode_cursor(text: str, kind: type[T]) -> T:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        (found,) = msgspec.json.decode(raw, type=tuple[kind])  # type: ignore[valid-type]
    except (ValueError, msgspec.MsgspecError) as error:
        raise CursorInvalid from error
    if encode_cursor(found) != text:
        raise CursorInvalid
    return cast(T, found)  # mypy cannot follow a type that is a value


async def read_page(
    read: Callable[[int], Awaitable[Sequence[Row]]], limit: int, position: Callable[[Row], int | str]
) -> tuple[Sequence[Row], str | None]:
    """Read a page of a list: at most `limit` rows, and the cursor of the next page if there is one.

    `read` gets the number of rows to read, `position` is where the list goes on after a row.
    """
    rows = await read(limit + 1)
    return split_page(rows, limit, position)


def split_page(
    rows: Sequence[Row], limit: int, position: Callable[[Row], int | str]
) -> tuple[Sequence[Row], str | None]:
    """The first `limit` rows, and the cursor of the next page if there are more rows than that."""
    following = encode_cursor(position(rows[limit - 1])) if len(rows) > limit else None
    return rows[:limit], following
