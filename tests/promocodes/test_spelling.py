"""Promo codes as people type them and links carry them."""

import pytest

from backend.promocodes import spelling
from backend.promocodes.spelling import Spelled


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
    ],
)
def test_a_code_is_read_as_it_is_typed_or_linked(text, code, run):
    assert spelling.read(text) == Spelled(code, run)


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
        "IVAN7.",
        "IVAN_7",
        "ИВАН!",
        "汉字汉字",
        "https://ex.ru/c/0A7K2M9XJ4T0C8WN",
        "https://ex.ru/shop/IVAN7",
        "x" * 3000,
    ],
)
def test_what_cannot_be_a_code_is_none(text):
    assert spelling.read(text) is None


@pytest.mark.parametrize(("run", "link"), [(0, "https://ex.ru/p/IVAN7"), (2, "https://ex.ru/p/IVAN7.2")])
def test_a_link_is_read_as_the_code_and_run_it_was_made_of(run, link):
    made = spelling.link("https://ex.ru/", "IVAN7", run)

    assert made == link
    assert spelling.read(made) == Spelled("1VAN7", run)


def test_a_cyrillic_link_is_an_address_that_any_program_takes():
    made = spelling.link("https://ex.ru", "ИВАН7", 3)

    assert made.isascii()
    assert spelling.read(made) == Spelled("ИBAH7", 3)
