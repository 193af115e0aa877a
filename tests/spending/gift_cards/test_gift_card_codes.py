"""Gift card codes: generation, spelling, hashing and encryption."""

import pytest
from cryptography.exceptions import InvalidTag

from backend.core.security import gift_card_codes
from scanning import payload
from scanning.codes import symbols


def test_code_has_five_groups_and_is_unique():
    codes = {gift_card_codes.fresh() for _ in range(200)}

    assert len(codes) == 200
    assert all([len(group) for group in code.split("-")] == [4] * 5 for code in codes)
    assert all(symbols.has_valid_check(symbols.fold(code)) for code in codes)


def test_code_in_any_spelling_is_recognised(settings):
    code = gift_card_codes.fresh()
    spellings = [
        code.lower(),
        code.replace("-", ""),
        code.replace("-", " \u2014 "),
        code.replace("0", "О"),
        code.replace("1", "l"),
        gift_card_codes.link("https://ex.ru/", code),
        gift_card_codes.link("ex.ru", code).lower(),
    ]

    assert {gift_card_codes.digest(settings, text) for text in spellings} == {gift_card_codes.digest(settings, code)}
    assert all(map(gift_card_codes.is_code, spellings))


def test_code_with_typo_is_rejected(settings):
    code = gift_card_codes.fresh()
    slip = ("Z" if code[0] != "Z" else "Y") + code[1:]

    assert not gift_card_codes.is_code(slip)
    assert gift_card_codes.digest(settings, slip) != gift_card_codes.digest(settings, code)


@pytest.mark.parametrize("text", ["", "-", "https://ex.ru/P/IVAN7", "7K2M", "€" * 20, "🧾/G/", "x" * 5000])
def test_text_that_is_no_code_is_rejected(settings, text):
    assert not gift_card_codes.is_code(text)
    assert len(gift_card_codes.digest(settings, text)) == 32


def test_gift_card_link_is_scanned_as_gift_card():
    code = gift_card_codes.fresh()

    found = payload.classify(gift_card_codes.link("https://ex.ru", code), hosts=["ex.ru"])

    assert found == ("certificate", code)


def test_encrypted_code_decrypts_for_its_owner_only(settings):
    code = gift_card_codes.fresh()
    sealed = gift_card_codes.seal(settings, "7:0199", code)

    assert gift_card_codes.unseal(settings, "7:0199", sealed) == code
    assert code.encode() not in sealed
    with pytest.raises(InvalidTag):
        gift_card_codes.unseal(settings, "8:0199", sealed)
    with pytest.raises(InvalidTag):
        gift_card_codes.unseal(settings, "7:0199", sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_encrypting_twice_gives_different_ciphertexts(settings):
    assert gift_card_codes.seal(settings, "7:0199", "x") != gift_card_codes.seal(settings, "7:0199", "x")
