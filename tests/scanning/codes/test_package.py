import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.codes import cipher, ff1, package
from scanning.codes.package import SERIALS, SLOTS, PackageCode
from scanning.codes.symbols import ALPHABET, VALUES, check_symbol
from scanning.problem import NotIssued, TypingError

MASTER = bytes(range(32))
KEY = package.slot_key(MASTER, 7)

slots = st.integers(0, SLOTS - 1)
serials = st.integers(0, SERIALS - 1)
payloads = st.integers(0, 2**65 - 1)


@given(st.binary(min_size=16, max_size=16), slots, serials)
def test_code_decodes_to_its_slot_and_serial(key, slot, serial):
    code = package.encode(key, slot, serial)

    assert package.decode(key, code) == PackageCode(slot, serial)
    assert package.slot_of(code) == slot
    assert package.check(code) == code
    assert len(code) == 16


@given(st.binary(min_size=16, max_size=16), slots, payloads)
def test_fast_cipher_equals_ff1(key, slot, payload):
    numerals = [payload >> shift & 31 for shift in range(60, -1, -5)]

    encrypted = ff1.encrypt(key, radix=32, tweak=b"pc1" + slot.to_bytes(2), numerals=numerals)
    enciphered = cipher.encipher(key, slot, payload)

    assert [enciphered >> shift & 31 for shift in range(60, -1, -5)] == encrypted
    assert cipher.decipher(key, slot, enciphered) == payload


@given(st.binary(min_size=16, max_size=16), st.lists(st.tuples(slots, payloads), min_size=1, max_size=40))
def test_batch_is_enciphered_like_single_payloads(key, many):
    slot_column = np.array([slot for slot, _ in many], np.uint64)
    left = np.array([payload >> 35 for _, payload in many], np.uint64)
    right = np.array([payload & (2**35 - 1) for _, payload in many], np.uint64)

    cipher.encipher_many(key, slot_column, left, right)
    enciphered = [int(a) << 35 | int(b) for a, b in zip(left, right, strict=True)]
    cipher.decipher_many(key, slot_column, left, right)
    deciphered = [int(a) << 35 | int(b) for a, b in zip(left, right, strict=True)]

    assert enciphered == [cipher.encipher(key, slot, payload) for slot, payload in many]
    assert deciphered == [payload for _, payload in many]


@given(slots, serials, st.integers(0, 50))
def test_print_run_equals_single_codes(slot, first, count):
    first = min(first, SERIALS - count)

    codes = package.encode_many(KEY, slot, first, count)

    assert codes.dtype == "S16"
    assert [code.decode() for code in codes] == [package.encode(KEY, slot, first + place) for place in range(count)]


def test_long_print_run_is_continuous_between_blocks():
    codes = package.encode_many(KEY, 7, 1000, 40_000)

    for place in [0, 1, 16_383, 16_384, 16_385, 32_767, 32_768, 39_999]:
        assert codes[place].decode() == package.encode(KEY, 7, 1000 + place)
    assert len(np.unique(codes)) == 40_000


def test_code_format_is_stable():
    assert KEY.hex() == "73d056e08b924eab693dcb82e235a8ca"
    assert package.encode(KEY, 7, 0) == "07ESQ0S5NHX3186M"
    assert package.encode(KEY, 7, SERIALS - 1) == "07J2S4JPJNNXJM10"
    assert package.encode(package.slot_key(MASTER, 1023), 1023, 123_456_789) == "ZZ6G8KVBP0JHW467"


@given(serials, st.lists(st.sampled_from(["", "-", " ", "\u00a0", "–"]), min_size=15, max_size=15))
def test_package_code_in_any_spelling_is_read(serial, blanks):
    code = package.encode(KEY, 7, serial)
    similar = {"0": "o", "1": "l", "3": "з", "A": "а", "B": "в", "E": "е", "K": "к", "M": "м", "H": "н"}
    similar |= {"P": "р", "C": "с", "T": "т", "Y": "у", "X": "х"}
    typed = "".join(
        similar.get(symbol, symbol.lower()) + blank for symbol, blank in zip(code, [*blanks, ""], strict=True)
    )

    assert package.check(typed) == code
    assert package.decode(KEY, package.grouped(code)) == PackageCode(7, serial)


@given(serials, st.integers(0, 15), st.sampled_from(ALPHABET))
def test_wrong_symbol_is_a_typing_error(serial, place, symbol):
    code = package.encode(KEY, 7, serial)
    typed = code[:place] + symbol + code[place + 1 :]

    if typed == code:
        assert package.check(typed) == code
    else:
        with pytest.raises(TypingError):
            package.check(typed)


@pytest.mark.parametrize("text", ["", "A", "0" * 15, "0" * 17, "U" * 16, "ЯЯЯЯЯЯЯЯЯЯЯЯЯЯЯЯ", "٠" * 16, "\0" * 16])
def test_code_of_other_length_is_a_typing_error(text):
    with pytest.raises(TypingError):
        package.decode(KEY, text)


def test_made_up_codes_are_not_accepted():
    made_up = random.Random(5)

    for _ in range(2000):
        body = "".join(made_up.choices(ALPHABET, k=15))
        with pytest.raises(NotIssued):
            package.decode(KEY, body + check_symbol(body))


@given(serials, st.integers(2, 14), st.sampled_from(ALPHABET))
def test_neighbours_of_code_are_not_issued(serial, place, symbol):
    code = package.encode(KEY, 7, serial)
    body = code[:place] + symbol + code[place + 1 : 15]

    if body != code[:15]:
        with pytest.raises(NotIssued):
            package.decode(KEY, body + check_symbol(body))


def test_key_of_another_slot_decodes_nothing():
    code = package.encode(package.slot_key(MASTER, 8), 7, 42)

    with pytest.raises(NotIssued):
        package.decode(KEY, code)


def test_serial_has_different_code_in_each_slot():
    tails = {package.encode(KEY, slot, 42)[2:15] for slot in range(SLOTS)}

    assert len(tails) == SLOTS


def test_batch_is_decoded_like_single_codes():
    codes = [code.decode() for code in package.encode_many(KEY, 7, 500, 200)]
    codes[3] = package.grouped(codes[3]).lower()
    codes[10] = "nonsense"
    codes[11] = codes[11][:-1] + ALPHABET[VALUES[codes[11][-1]] ^ 1]
    codes[12] = package.encode(KEY, 9, 77)
    codes[13] = "A" * 15 + check_symbol("A" * 15)

    decoded = package.decode_many(KEY, codes)

    expected = [PackageCode(7, 500 + place) for place in range(200)]
    expected[10:14] = [None, None, PackageCode(9, 77), None]
    assert decoded == expected


@pytest.mark.parametrize("codes", [[], ["nonsense"], ["", ""]])
def test_invalid_batch_decodes_to_none(codes):
    assert package.decode_many(KEY, codes) == [None] * len(codes)


@given(slots, slots)
def test_slots_have_different_keys(one, other):
    keys = package.slot_key(MASTER, one), package.slot_key(MASTER, other)

    assert (keys[0] == keys[1]) == (one == other)
    assert len(keys[0]) == 16


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: package.encode(KEY, SLOTS, 0),
        lambda: package.encode(KEY, -1, 0),
        lambda: package.encode(KEY, 0, SERIALS),
        lambda: package.encode(KEY, 0, -1),
        lambda: package.encode_many(KEY, 0, SERIALS - 1, 2),
        lambda: package.encode_many(KEY, SLOTS, 0, 2),
        lambda: package.encode_many(KEY, 0, 0, -1),
        lambda: package.slot_key(MASTER, SLOTS),
        lambda: package.slot_key(b"short", 0),
        lambda: package.encode(b"short", 0, 0),
        lambda: package.encode(bytes(32), 0, 0),
    ],
)
def test_value_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=r"below|at least|key size"):
        wrong()


def test_code_is_printed_in_groups_of_four():
    assert package.grouped("0123456789ABCDEF") == "0123-4567-89AB-CDEF"
