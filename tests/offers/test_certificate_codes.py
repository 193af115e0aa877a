"""Codes of own certificates: how they are drawn, spelled, known again and sealed."""

import pytest
from cryptography.exceptions import InvalidTag

from backend.offers import certificate_codes
from scanning import payload, symbols


def test_codes_are_five_groups_of_four_with_a_check_and_never_the_same():
    codes = {certificate_codes.fresh() for _ in range(200)}

    assert len(codes) == 200
    assert all([len(group) for group in code.split("-")] == [4] * 5 for code in codes)
    assert all(symbols.has_valid_check(symbols.fold(code)) for code in codes)


def test_a_code_is_known_however_it_is_written(settings):
    code = certificate_codes.fresh()
    spellings = [code.lower(), code.replace("-", ""), code.replace("-", " \u2014 "), code.replace("0", "О"),
                 code.replace("1", "l"), certificate_codes.link("https://ex.ru/", code),
                 certificate_codes.link("ex.ru", code).lower()]  # fmt: skip

    assert {certificate_codes.digest(settings, text) for text in spellings} == {
        certificate_codes.digest(settings, code)
    }
    assert all(map(certificate_codes.is_code, spellings))


def test_a_slip_of_the_finger_is_no_code(settings):
    code = certificate_codes.fresh()
    slip = ("Z" if code[0] != "Z" else "Y") + code[1:]

    assert not certificate_codes.is_code(slip)
    assert certificate_codes.digest(settings, slip) != certificate_codes.digest(settings, code)


@pytest.mark.parametrize("text", ["", "-", "https://ex.ru/P/IVAN7", "7K2M", "€" * 20, "🧾/G/", "x" * 5000])
def test_what_is_no_code_is_none_and_harms_nothing(settings, text):
    assert not certificate_codes.is_code(text)
    assert len(certificate_codes.digest(settings, text)) == 32


def test_its_link_is_scanned_as_a_certificate():
    code = certificate_codes.fresh()

    found = payload.classify(certificate_codes.link("https://ex.ru", code), hosts=["ex.ru"])

    assert found == ("certificate", code)


def test_a_sealed_code_opens_for_its_owner_only(settings):
    code = certificate_codes.fresh()
    sealed = certificate_codes.seal(settings, "7:0199", code)

    assert certificate_codes.unseal(settings, "7:0199", sealed) == code
    assert code.encode() not in sealed
    with pytest.raises(InvalidTag):
        certificate_codes.unseal(settings, "8:0199", sealed)
    with pytest.raises(InvalidTag):
        certificate_codes.unseal(settings, "7:0199", sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_each_sealing_is_another(settings):
    assert certificate_codes.seal(settings, "7:0199", "x") != certificate_codes.seal(settings, "7:0199", "x")
