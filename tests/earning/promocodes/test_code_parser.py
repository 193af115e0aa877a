"""Promo codes as typed and in links."""

import pytest

from backend.earning.promocodes.words import code_parser
from backend.earning.promocodes.words.code_parser import SpelledCode


@pytest.mark.parametrize(
    ("text", "code", "run"),
    [
        ("IVAN7", "1VAN7", 0),
        (" ivan 7 ", "1VAN7", 0),
        ("ivan-7.2", "1VAN7", 2),
        ("IVAN7.99", "1VAN7", 99),
        ("ИВАН7", "ИBAH7", 0),
        ("йод", "Й0Д", 0),
        ("И\u0306од", "Й0Д", 0),
        ("МАСТЕР.3", "MACTEP", 3),
        ("https://ex.ru/p/IVAN7", "1VAN7", 0),
        ("HTTPS://EX.RU/P/IVAN7.2", "1VAN7", 2),
        ("ex.ru/p/ivan7.2?utm=a#b", "1VAN7", 2),
        ("https://ex.ru/p/%D0%98%D0%92%D0%90%D0%9D7.4", "ИBAH7", 4),
        ("http://localhost:8000/p/IVAN7/", "1VAN7", 0),
        ("\u202dIVAN7\u202c", "1VAN7", 0),
        ("\u2066IVAN7.2\u2069", "1VAN7", 2),
        ("IV\u200bAN\u00ad7\ufe0f", "1VAN7", 0),
        ("IVAN7\U000e0041\U000e007f", "1VAN7", 0),
        ("IVAN7.", "1VAN7", 0),
        ("IVAN7.2.", "1VAN7", 2),
        ("«IVAN7»,", "1VAN7", 0),
        ("„IVAN7“", "1VAN7", 0),
        ("(IVAN7)", "1VAN7", 0),
        ("*IVAN7*", "1VAN7", 0),
        ("\uff29\uff36\uff21\uff2e\uff17", "1VAN7", 0),
        ("\u0399VAN7", "1VAN7", 0),
        ("ЁЛКА", "EЛKA", 0),
        ("елка", "EЛKA", 0),
        ("Е\u0308лка", "EЛKA", 0),
        ("ИВА\u0301Н7", "ИBAH7", 0),
        ("ИВАН!", "ИBAH", 0),
        ("«https://ex.ru/p/IVAN7».", "1VAN7", 0),
        ("https://ex.ru/p/IVAN7\u200b", "1VAN7", 0),
        ("https://ex.ru/p/IV\nAN7.2", "1VAN7", 2),
        ("реезыЖ..учюкг.з.ШМФТ7ю2", "1VAN7", 2),
    ],
)
def test_typed_or_linked_code_is_parsed(text, code, run):
    assert code_parser.parse_code(text) == SpelledCode(code, run)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AB",
        "A" * 25,
        "IVAN7.0",
        "IVAN7.100",
        "IVAN7.x",
        "IVAN7.²",
        "IVAN_7",
        "ИВ!АН",
        "汉字汉字",
        "https://ex.ru/c/0A7K2M9XJ4T0C8WN",
        "https://ex.ru/shop/IVAN7",
        "x" * 3000,
    ],
)
def test_invalid_code_is_none(text):
    assert code_parser.parse_code(text) is None


@pytest.mark.parametrize(("run", "link"), [(0, "https://ex.ru/p/IVAN7"), (2, "https://ex.ru/p/IVAN7.2")])
def test_link_is_parsed_to_its_code_and_run(run, link):
    made = code_parser.short_link("https://ex.ru/", "IVAN7", run)

    assert made == link
    assert code_parser.parse_code(made) == SpelledCode("1VAN7", run)


def test_cyrillic_link_is_percent_encoded():
    made = code_parser.short_link("https://ex.ru", "ИВАН7", 3)

    assert made.isascii()
    assert code_parser.parse_code(made) == SpelledCode("ИBAH7", 3)
