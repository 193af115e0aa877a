import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scanning import payload
from scanning.codes import gs1
from scanning.codes.gs1 import Marking
from scanning.problem import GtinInvalid, NotACode, Problem
from tests.scanning.codes.marking_spellings import GTIN, SET_82, serials, spellings

SERIAL = "5abcDEF(10)xy"
TAIL = "\x1d91EE08\x1d92" + "dGVz" * 11
MARKED = Marking(GTIN, SERIAL, has_crypto_tail=True)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("96385074", "00000096385074"),
        ("036000291452", "00036000291452"),
        ("4600439931256", GTIN),
        ("4 600439 931256", GTIN),
        ("978-0-306-40615-7", "09780306406157"),
        (GTIN, GTIN),
    ],
)
def test_gtin_is_normalised_to_14_digits(written, normal):
    assert gs1.read_gtin(written) == normal


@pytest.mark.parametrize(
    "text", ["", "4600439931255", "460043993124", "123", "0" * 13, "٤٦٠٠٤٣٩٩٣١٢٥٦", "46004399312ab", "1" * 15]
)
def test_invalid_gtin_is_refused(text):
    with pytest.raises(GtinInvalid):
        gs1.read_gtin(text)


@given(st.integers(0, 13), st.integers(1, 9))
def test_gtin_with_wrong_digit_is_refused(place, shift):
    wrong = GTIN[:place] + str((int(GTIN[place]) + shift) % 10) + GTIN[place + 1 :]

    with pytest.raises(GtinInvalid):
        gs1.read_gtin(wrong)


@pytest.mark.parametrize("opening", ["", "\x1d", "]d2", "]C1", "]Q3", "\xe8", "]d2\x1d"])
def test_marking_code_from_scanner_is_read(opening):
    assert gs1.read_marking(f"{opening}01{GTIN}21{SERIAL}{TAIL}") == MARKED


@pytest.mark.parametrize(
    ("text", "marking"),
    [
        (f"01{GTIN}21{SERIAL}", Marking(GTIN, SERIAL, has_crypto_tail=False)),
        (f"01{GTIN}21{SERIAL}\x1d93abcd", MARKED),
        (f"01{GTIN}21{SERIAL}\x1d8005112000\x1d93abcd", MARKED),
        (f"01{GTIN}21{SERIAL}\u241d91EE08\u241d92{'x' * 44}", MARKED),
        (f"01{GTIN}17261231" + f"10LOT7\x1d21{SERIAL}", Marking(GTIN, SERIAL, has_crypto_tail=False)),
        (f"01{GTIN}3103000195" + f"21{SERIAL}", Marking(GTIN, SERIAL, has_crypto_tail=False)),
        (f"21{SERIAL}\x1d01{GTIN}", Marking(GTIN, SERIAL, has_crypto_tail=False)),
        (f"01{GTIN}21{SERIAL}91EE0892" + "x" * 44, MARKED),
        (f"01{GTIN}21{SERIAL}91EE0892" + "x" * 88, MARKED),
        (f"(01){GTIN}(21)5abc", Marking(GTIN, "5abc", has_crypto_tail=False)),
        (f"(01) {GTIN} (21) 5abc (91)EE08(92)zz", Marking(GTIN, "5abc", has_crypto_tail=True)),
        (f"(01){GTIN}(21)5(311)c", Marking(GTIN, "5(311)c", has_crypto_tail=False)),
        (f"https://id.gs1.org/01/{GTIN}/21/a%2Fb", Marking(GTIN, "a/b", has_crypto_tail=False)),
        (f"HTTPS://EX.RU/SHOP/01/{GTIN}/10/LOT/21/A?17=261231", Marking(GTIN, "A", has_crypto_tail=False)),
        ("https://ex.ru/01/4600439931256/21/A", Marking(GTIN, "A", has_crypto_tail=False)),
    ],
)
def test_marking_code_in_any_spelling_is_read(text, marking):
    assert gs1.read_marking(text) == marking


@given(st.text(SET_82, min_size=1, max_size=20))
def test_serial_with_all_82_characters_is_unchanged(serial):
    marking = gs1.read_marking(f"\x1d01{GTIN}21{serial}{TAIL}")

    assert marking == Marking(GTIN, serial, has_crypto_tail=True)
    assert gs1.read_marking(marking.text) == Marking(GTIN, serial, has_crypto_tail=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01",
        f"01{GTIN}",
        f"01{GTIN}21",
        f"01{GTIN}21{'x' * 21}",
        f"01{GTIN}21a b",
        f"01{GTIN}21жx",
        f"21{SERIAL}",
        f"01{GTIN[:12]}",
        "01ABCDEFGHJKMNPQ21abc",
        f"01{GTIN}01046004399312632" + "1abc",
        f"01{GTIN}31" + "x",
        f"(21{GTIN}",
        f"x(01){GTIN}(21)abc",
        f"(01){GTIN[1:]}(21)abc",
        "https://[::1/01/",
        "https://ex.ru/",
        f"https://ex.ru/01/{GTIN}",
        f"01{GTIN}21abc\x1d92" + "x" * 200,
    ],
)
def test_text_without_marking_code_is_refused(text):
    with pytest.raises(NotACode):
        gs1.read_marking(text)


def test_marking_code_with_invalid_gtin_is_refused():
    with pytest.raises(GtinInvalid):
        gs1.read_marking("0104600439931255" + "21abc")


@given(
    st.text()
    | st.lists(st.sampled_from(["01", GTIN, "21", "abc", "\x1d", "(01)", "(21)", "https://", "/", "3"])).map("".join)
)
def test_arbitrary_text_is_read_or_refused(text):
    try:
        assert gs1.read_marking(text).gtin
    except Problem as problem:
        assert str(problem)  # noqa: PT017 - the only exception that may be raised


def is_clear(serial):
    """Whether nothing in a serial reads as an escape, a separator or a tail."""
    return not re.search(r"&[a-z]+;|%[0-7][0-9A-Fa-f]|93....$|8005|GS|FNC|1D|_x", serial)


@given(st.data(), serials)
@settings(max_examples=2000)
def test_marking_in_any_spelling_is_one_unit(data, serial):
    assume(is_clear(serial))
    text = data.draw(spellings(GTIN, serial))

    markings = gs1.read_markings(text)

    found = payload.classify(text)
    assert (GTIN, serial) in {marking[:2] for marking in markings}
    assert len(markings) > 1 or found == ("marking", f"01{GTIN}21{serial}")


@given(serials, serials)
@settings(max_examples=500)
def test_marking_codes_of_two_units_differ(one, other):
    assume(one != other and is_clear(one) and is_clear(other))
    tail = "\x1d93Ab3d"

    found = [payload.classify(f"01{GTIN}21{serial}{tail}") for serial in (one, other)]

    assert found[0] != found[1]
    assert [gs1.read_markings(f"01{GTIN}21{serial}{tail}") for serial in (one, other)] == [
        [Marking(GTIN, serial, has_crypto_tail=True)] for serial in (one, other)
    ]


def test_marking_serial_ending_like_tail_is_preserved():
    marking = Marking(GTIN, "5abcDEF93wxyz", has_crypto_tail=True)

    assert gs1.read_markings(f"01{GTIN}215abcDEF93wxyz\x1d93abcd") == [marking]
    assert gs1.read_markings(marking.text) == [marking]
    assert [found.serial for found in gs1.read_markings(f"01{GTIN}215abcDEF93wxyz")] == ["5abcDEF93wxyz", "5abcDEF"]
    assert [found.serial for found in gs1.read_markings(f"01{GTIN}215abcDEF93wxyz\x1d")] == ["5abcDEF93wxyz", "5abcDEF"]


@pytest.mark.parametrize(
    "separator",
    [
        "<29>",
        "{29}",
        "[29]",
        "\\29",
        "\\029",
        "^029",
        "<F1>",
        "{F1}",
        "\\F",
        "<Ctrl-]>",
        "<SEP>",
        "<br>",
        "<0x1D>",
        "&GS;",
        "CHAR(29)",
        "chr(29)",
        "{ALT+029}",
        "\\x{1d}",
        "\\u{1d}",
        "U+001D",
        "«GS»",
        "%GS%",
        "%E2%90%9D",
        "<\\x1d>",
        "'\\x1d'",
        "<Group Separator>",
        "\\GS",
        "<ГС>",
    ],
)
@pytest.mark.parametrize("opening", ["", "]d2", "]Q3", "<GS>"])
def test_separator_in_any_notation_is_recognised(opening, separator):
    assert gs1.read_markings(f"{opening}01{GTIN}21{SERIAL}{separator}93abcd") == [MARKED]


@pytest.mark.parametrize("separator", ["", "GS", "gs", "FNC1", "=1D", "/GS", ">8", "<xyz>", "%1d"])
def test_separator_within_serial_characters_is_ambiguous(separator):
    serial = "5aB3dE7gH-kLm"

    found = gs1.read_markings(f"01{GTIN}21{serial}{separator}93abcd")

    assert Marking(GTIN, serial, has_crypto_tail=True) in found
    assert len(found) > 1 or separator == "%1d"
