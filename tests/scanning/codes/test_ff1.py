import pytest

from scanning.codes import ff1

KEY_128 = "2B7E151628AED2A6ABF7158809CF4F3C"
KEY_192 = KEY_128 + "EF4359D8D580AA4F"
KEY_256 = KEY_192 + "7F036D6F04FC6A94"
TEN_DIGITS = "39383736353433323130"
ELEVEN = "3737373770717273373737"

# The nine samples that NIST publishes with SP 800-38G (FF1samples.pdf).
SAMPLES = [
    (KEY_128, 10, "", "0123456789", "2433477484"),
    (KEY_128, 10, TEN_DIGITS, "0123456789", "6124200773"),
    (KEY_128, 36, ELEVEN, "0123456789abcdefghi", "a9tv40mll9kdu509eum"),
    (KEY_192, 10, "", "0123456789", "2830668132"),
    (KEY_192, 10, TEN_DIGITS, "0123456789", "2496655549"),
    (KEY_192, 36, ELEVEN, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"),
    (KEY_256, 10, "", "0123456789", "6657667009"),
    (KEY_256, 10, TEN_DIGITS, "0123456789", "1001623463"),
    (KEY_256, 36, ELEVEN, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
]


def numerals_of(text):
    return [int(character, 36) for character in text]


@pytest.mark.parametrize(("key", "radix", "tweak", "plain", "cipher"), SAMPLES)
def test_nist_samples_encrypt_and_decrypt(key, radix, tweak, plain, cipher):
    setting = {"radix": radix, "tweak": bytes.fromhex(tweak)}

    encrypted = ff1.encrypt(bytes.fromhex(key), **setting, numerals=numerals_of(plain))
    decrypted = ff1.decrypt(bytes.fromhex(key), **setting, numerals=numerals_of(cipher))

    assert encrypted == numerals_of(cipher)
    assert decrypted == numerals_of(plain)


def test_long_text_uses_several_stream_blocks():
    numerals = [number % 1000 for number in range(101)]

    encrypted = ff1.encrypt(bytes(16), radix=1000, tweak=b"tweak", numerals=numerals)

    assert encrypted != numerals
    assert ff1.decrypt(bytes(16), radix=1000, tweak=b"tweak", numerals=encrypted) == numerals


@pytest.mark.parametrize(
    ("radix", "numerals"),
    [(10, [1] * 5), (10, [10] * 8), (10, [-1] * 8), (1, [0] * 30), (2**16 + 1, [1] * 8), (10**6, [5])],
)
def test_input_outside_standard_is_refused(radix, numerals):
    with pytest.raises(ValueError, match=r"radix|domain"):
        ff1.encrypt(bytes(16), radix=radix, tweak=b"", numerals=numerals)
