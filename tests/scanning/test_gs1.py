import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning import gs1
from scanning.gs1 import Marking
from scanning.problem import GtinInvalid, NotACode, Problem

GTIN = "04600439931256"
SERIAL = "5abcDEF(10)xy"
TAIL = "\x1d91EE08\x1d92" + "dGVz" * 11
MARKED = Marking(GTIN, SERIAL, has_crypto_tail=True)
SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


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
def test_an_article_number_is_written_in_14_digits(written, normal):
    assert gs1.read_gtin(written) == normal


@pytest.mark.parametrize(
    "text", ["", "4600439931255", "460043993124", "123", "0" * 13, "٤٦٠٠٤٣٩٩٣١٢٥٦", "46004399312ab", "1" * 15]
)
def test_a_wrong_article_number_is_refused(text):
    with pytest.raises(GtinInvalid):
        gs1.read_gtin(text)


@given(st.integers(0, 13), st.integers(1, 9))
def test_every_wrong_digit_is_caught(place, shift):
    wrong = GTIN[:place] + str((int(GTIN[place]) + shift) % 10) + GTIN[place + 1 :]

    with pytest.raises(GtinInvalid):
        gs1.read_gtin(wrong)


@pytest.mark.parametrize("opening", ["", "\x1d", "]d2", "]C1", "]Q3", "\xe8", "]d2\x1d"])
def test_a_marking_is_read_as_scanners_give_it(opening):
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
def test_a_marking_is_read_in_every_spelling(text, marking):
    assert gs1.read_marking(text) == marking


@given(st.text(SET_82, min_size=1, max_size=20))
def test_a_serial_may_hold_all_of_set_82_and_keeps_its_one_spelling(serial):
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
        f"01{GTIN}21ж",
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
def test_what_is_no_marking_is_refused(text):
    with pytest.raises(NotACode):
        gs1.read_marking(text)


def test_a_marking_with_a_wrong_article_number_is_refused():
    with pytest.raises(GtinInvalid):
        gs1.read_marking("0104600439931255" + "21abc")


@given(
    st.text()
    | st.lists(st.sampled_from(["01", GTIN, "21", "abc", "\x1d", "(01)", "(21)", "https://", "/", "3"])).map("".join)
)
def test_no_text_upsets_the_reader(text):
    try:
        assert gs1.read_marking(text).gtin
    except Problem as problem:
        assert str(problem)  # noqa: PT017 - the only thing that may be raised
