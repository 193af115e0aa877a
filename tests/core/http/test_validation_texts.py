"""Messages about invalid values in the caller's language."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pytest

from backend.core.http.validation_texts import translated
from backend.core.language import language


class Body(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    word: Annotated[str, msgspec.Meta(min_length=2, max_length=3, pattern="^[a-z]+$")] = "ab"
    items: Annotated[list[int], msgspec.Meta(min_length=1)] = msgspec.field(default_factory=lambda: [1])
    kind: Literal["a", "b"] = "a"
    key: UUID | None = None


@pytest.fixture
def russian():
    token = language.set("ru")
    yield
    language.reset(token)


def message(body: bytes) -> str:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Body)
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"number": 0}', "Нужно `int` не меньше 1 - at `$.number`"),
        (b'{"number": 10}', "Нужно `int` не больше 9 - at `$.number`"),
        (b'{"number": "x"}', "Нужно `int`, а пришло `str` - at `$.number`"),
        (b'{"word": "a"}', "Нужно `str` длиной не меньше 2 - at `$.word`"),
        (b'{"word": "abcd"}', "Нужно `str` длиной не больше 3 - at `$.word`"),
        (b'{"word": "AB"}', "Нужно `str` по образцу '^[a-z]+$' - at `$.word`"),
        (b'{"items": []}', "Нужно `array` длиной не меньше 1 - at `$.items`"),
        (b'{"kind": "c"}', "Такого значения нет: 'c' - at `$.kind`"),
        (b'{"key": "x"}', "Это не UUID - at `$.key`"),
        (b'{"extra": 1}', "Неизвестное поле `extra`"),
    ],
)
def test_msgspec_message_is_translated(russian, body, text):
    assert translated(message(body)) == text


def test_message_in_english_is_unchanged():
    assert translated(message(b'{"number": 0}')) == "Expected `int` >= 1 - at `$.number`"


def test_unknown_message_is_unchanged(russian):
    assert translated("something else") == "something else"


async def test_invalid_body_is_answered_in_russian(client):
    answer = await client.post("/v1/sessions", json={"nonsense": 1}, headers={"Accept-Language": "ru"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["detail"] == "Неизвестное поле `nonsense`"
