from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.codes import symbols
from scanning.codes.symbols import ALPHABET, check_symbol, fold, has_valid_check

bodies = st.text(ALPHABET, min_size=1, max_size=symbols.LONGEST_BODY)


@given(bodies)
def test_body_with_check_symbol_is_valid(body):
    assert has_valid_check(body + check_symbol(body))


@pytest.mark.parametrize("length", [1, 8, 15, 20, 30])
def test_single_wrong_symbol_is_detected(length):
    body = (ALPHABET * 2)[5 : 5 + length]
    code = body + check_symbol(body)

    wrong = [
        code[:place] + symbol + code[place + 1 :]
        for place in range(len(code))
        for symbol in ALPHABET
        if symbol != code[place]
    ]

    assert len(wrong) == 31 * len(code)
    assert not any(has_valid_check(text) for text in wrong)


@given(bodies)
def test_swap_of_two_symbols_is_detected(body):
    code = body + check_symbol(body)

    for one, other in combinations(range(len(code)), 2):
        letters = list(code)
        letters[one], letters[other] = letters[other], letters[one]
        assert has_valid_check("".join(letters)) == (code[one] == code[other])


def test_weights_are_unique_and_above_one():
    one = ALPHABET[1]
    weights = {check_symbol(one + "0" * zeros) for zeros in range(symbols.LONGEST_BODY)}

    assert len(weights) == symbols.LONGEST_BODY
    assert not weights & {"0", "1"}


def test_check_symbol_is_stable():
    assert check_symbol("0123456789ABCDE") == "4"
    assert check_symbol("ZZZZZZZZ") == "3"


@pytest.mark.parametrize("body", ["A" * 31, "ABU", "abc", "A-B"])
def test_body_with_invalid_symbol_is_refused(body):
    with pytest.raises(ValueError, match="body"):
        check_symbol(body)


@pytest.mark.parametrize("text", ["", "A", "A" * 32, "AU", "A\u0660"])
def test_non_code_has_no_valid_check(text):
    assert not has_valid_check(text)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ab12-cd34", "AB12CD34"),
        ("  ab 12\u00a0cd\t34\n", "AB12CD34"),
        ("ab12–cd34—ef", "AB12CD34EF"),
        ("oOiIlL", "001111"),
        ("АВЕКМНОРСТУХ", "ABEKMH0PCTYX"),
        ("авекмнорстухз", "ABEKMH0PCTYX3"),
        ("З3Ø", "33Ø"),
        ("u", "U"),
        ("\u202dab12\u202c", "AB12"),
        ("\u2066ab\u200e12\u2069\ufe0f", "AB12"),
        ("«ab12».", "AB12"),
        ("“ab-12”, ", "AB12"),
        ("\uff41\uff42\uff11\uff12", "AB12"),
        ("\U0001d400\U0001d7d7", "A9"),
        ("ЁёЕе", "EEEE"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZH1KMN0PTYX"),
        ("а\u0301в", "AB"),
    ],
)
def test_written_text_is_folded(written, folded):
    assert fold(written) == folded


@given(st.text() | st.text('аЕё\u0301\u0306\u0308-."«» \u200b\u202dИİıßΐ\uff21', max_size=12))
def test_folding_is_idempotent(text):
    assert fold(fold(text)) == fold(text)
