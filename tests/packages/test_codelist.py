"""Lists of codes that others printed: reading the file, and which codes are refused for what."""

import io
import random
import string

import pytest

from backend.packages.codelist import Counting, NotText, is_guessable, judge_code, judge_unit, read
from scanning import package

GTIN = "04600439931256"
TAIL = "\x1d91EE08\x1d92" + "x" * 44


def rows(content, judge=judge_code):
    content = content if isinstance(content, bytes) else content.encode()
    return [tuple(row) for row in read(io.BytesIO(content), judge)]


@pytest.mark.parametrize(
    "content",
    [
        "QX7-TTK2-9ZPA\nQX7-9F4M-22LD\n",
        "QX7-TTK2-9ZPA\r\nQX7-9F4M-22LD",
        "\ufeffcode\nQX7-TTK2-9ZPA\nQX7-9F4M-22LD\n",
        "sku;Code;box\nA;QX7-TTK2-9ZPA;1\nB;QX7-9F4M-22LD;1\n",
        'sku,code\n"a, b",QX7-TTK2-9ZPA\nB,"QX7-9F4M-22LD"\n',
        "code\tsku\nQX7-TTK2-9ZPA\tA\nQX7-9F4M-22LD\tB\n",
        '"QX7-TTK2-9ZPA"\n"QX7-9F4M-22LD"\n',
        "\n  QX7-TTK2-9ZPA  \n\n   \nQX7-9F4M-22LD\n\n",
    ],
)
def test_files_of_all_makes_are_read(content):
    found = rows(content)

    assert [(code, reason) for _, code, reason in found] == [("QX7-TTK2-9ZPA", None), ("QX7-9F4M-22LD", None)]


def test_rows_are_numbered_as_an_editor_shows_them():
    found = rows("code\n\nQX7-TTK2-9ZPA\n\nQX7-9F4M-22LD\n")

    assert [line for line, _, _ in found] == [3, 5]


def test_signs_of_a_marking_code_are_not_taken_for_a_table():
    serial = """5,a"b;c%&'()*+"""
    quoted = '"' + f"01{GTIN}21{serial}{TAIL}".replace('"', '""') + '"'

    found = rows(f"01{GTIN}21{serial}{TAIL}\n{quoted}\n", judge_unit(GTIN))

    assert found == [(1, serial, None), (2, serial, None)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (package.encode(bytes(16), 3, 7), "own_code"),
        ("https://ex.ru/c/" + package.encode(bytes(16), 3, 7), "own_code"),
        ("4600439931256", "other_kind"),
        (f"01{GTIN}215a'b{TAIL}", "other_kind"),
        ("https://ex.ru/p/SPRING-2026-XYZ", "other_kind"),
        ("t=20261122T1000&s=100.00&fn=9999078900004312&i=1&fp=2&n=1", "other_kind"),
        ("QX7TTK", "guessable"),
        ("48213057", "guessable"),
        ("AAAABBBBCCCCAAAABB", "guessable"),
        ("https://brand.example/check/QX7T", "guessable"),
        ("x" * 201, "too_long"),
        ("x" * 9000, "too_long"),
    ],
)
def test_a_code_that_cannot_be_worth_anything_is_refused_with_its_reason(code, reason):
    assert rows(code + "\nQX7-TTK2-9ZPA\n") == [(1, "", reason), (2, "QX7-TTK2-9ZPA", None)]


def test_bytes_that_are_no_text_are_refused_in_their_row():
    assert rows(b"\xff\xfe\nQX7-TTK2-9ZPA\n") == [(1, "", "unreadable"), (2, "QX7-TTK2-9ZPA", None)]


def test_utf_16_is_no_text_for_us():
    with pytest.raises(NotText):
        rows("QX7-TTK2-9ZPA".encode("utf-16"))


def test_a_line_without_the_column_is_refused_in_its_row():
    assert rows("sku;code\nA\nB;QX7-TTK2-9ZPA\n") == [(2, "", "unreadable"), (3, "QX7-TTK2-9ZPA", None)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"01{GTIN}215a'bC", None),
        (f"(01){GTIN}(21)5a'bC", None),
        (f"]d201{GTIN}215a'bC{TAIL}", None),
        ("014600000000001521XYZ", "not_marking"),
        ("0104600000000015215a'bC", "other_product"),
        ("QX7-TTK2-9ZPA", "not_marking"),
        (GTIN, "not_marking"),
    ],
)
def test_a_marking_code_must_be_of_the_product(text, reason):
    assert rows(text, judge_unit(GTIN)) == [(1, "" if reason else "5a'bC", reason)]


@pytest.mark.parametrize(
    ("code", "guessable"),
    [("482130571946230", False), ("48213057194623", True), ("QX7TTK29ZP", False), ("QX7TTK29Z", True)],
)
def test_a_code_is_as_good_as_it_is_long(code, guessable):
    assert is_guessable(code) is guessable


def test_a_count_is_recognised_and_chance_is_not():
    dice = random.Random(5)
    drawn = sorted("".join(dice.choices(string.digits, k=15)) for _ in range(20_000))

    counting, chance = Counting(), Counting()
    for number in range(1000):
        counting.watch(f"9000{number * 3:011}")
    for code in drawn:
        chance.watch(code)

    assert counting.found
    assert not chance.found
