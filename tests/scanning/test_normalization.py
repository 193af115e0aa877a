"""Normalization and keyboard layouts of typed and pasted text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning import keyboard, normalization


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("\u200bZW-1", "ZW-1"),
        ("ZW\u200b-\u20601\ufeff", "ZW-1"),
        ("\u202dRA\u202c", "RA"),
        ("RA\ufe0f\U000e0041", "RA"),
        ("Труба\u00a0PN\u202f20", "Труба PN 20"),
        ("и\u0306", "й"),
        ("«А».", "«А»."),
        ("a\x1db", "a\x1db"),
    ],
)
def test_remove_invisible_preserves_visible_characters(text, visible):
    assert normalization.remove_invisible(text) == visible


@given(st.text())
def test_remove_invisible_is_idempotent(text):
    visible = normalization.remove_invisible(text)

    assert normalization.remove_invisible(visible) == visible
    assert not any(unicodedata.category(sign) in ("Zl", "Zp") or sign in "\u00ad\u200b\u2060\ufeff" for sign in visible)


@pytest.mark.parametrize(
    "text",
    [
        "🎁DEMO5",
        "DEMO5 👍🏽",
        "『DEMO5』",
        "【DEMO5】",
        "⟨DEMO5⟩",
        "¡DEMO5!",
        "❝DEMO5❞",
        "«🎁 DEMO5»",
        "DEMO5\ufffc",
        "DEMO5\ue000",
    ],
)
def test_strip_punctuation_removes_all_marks_around(text):
    assert normalization.strip_punctuation(text) == "DEMO5"


@given(st.text())
def test_strip_punctuation_is_idempotent(text):
    stripped = normalization.strip_punctuation(text)

    assert normalization.strip_punctuation(stripped) == stripped


@pytest.mark.parametrize(
    ("typed", "readings"),
    [
        ("фисВ5", ("abcD5",)),
        ("фіц7", ("asw7", "abw7")),
        ("фіщ7", ("aso7",)),
        ("фіщ", ("aso", "a3o")),
        ("фўі", ("aob",)),
        ('қ"', ("01",)),
        ("abф", ()),
        ("12", ()),
    ],
)
def test_latin_readings_cover_matching_layouts(typed, readings):
    assert keyboard.latin_readings(typed) == readings
