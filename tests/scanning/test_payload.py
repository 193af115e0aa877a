import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanning import payload
from scanning.codes import package
from scanning.codes.symbols import ALPHABET, has_valid_check
from scanning.payload import Payload, classify

KEY = package.slot_key(bytes(range(32)), 7)
CODE = package.encode(KEY, 7, 123_456)
WRONG = CODE[:-1] + ("0" if CODE[-1] != "0" else "1")
GTIN = "04600439931256"
RECEIPT = "t=20260903T1412&s=1286.00&fn=9960440300123456&i=54813&fp=3906717812&n=1"


def cyrillic(code):
    return code.translate(str.maketrans("ABEKMHPCTYX03", "АВЕКМНРСТУХОЗ")).lower()


def on_layout(text):
    """What a keyboard wedge scanner types on the Russian layout."""
    latin = r"""qwertyuiop[]asdfghjkl;'zxcvbnm,./QWERTYUIOP{}ASDFGHJKL:"ZXCVBNM<>?"""
    return text.translate(str.maketrans(latin, "йцукенгшщзхъфывапролджэячсмитьбю.ЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,"))


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        CODE.lower(),
        package.grouped(CODE),
        package.grouped(CODE).replace("-", " "),
        package.grouped(CODE).replace("-", " – "),
        f"  {CODE[:3]} {CODE[3:9]}-{CODE[9:]}\n",
        cyrillic(CODE),
        f"HTTPS://EX.RU/C/{CODE}",
        f"https://ex.ru/c/{CODE.lower()}",
        f"https://Ex.ru/C/{package.grouped(CODE)}/?from=sms#top",
        f"ex.ru/c/{CODE}",
        f"http://127.0.0.1:8000/C/{CODE}",
    ],
)
def test_package_code_in_any_spelling_is_classified(text):
    assert classify(text) == Payload("package", CODE)


@pytest.mark.parametrize(
    "text",
    [
        WRONG,
        package.grouped(WRONG),
        package.grouped(CODE)[:-1],
        package.grouped(CODE) + "7",
        CODE[:5] + "U" + CODE[6:],
        f"HTTPS://EX.RU/C/{WRONG}",
        f"HTTPS://EX.RU/C/{CODE[:-1]}",
        "ABCD EFGH JKMN PQRS",
    ],
)
def test_mistyped_package_code_is_classified(text):
    found = classify(text)

    assert found.kind == "package"
    with pytest.raises(package.TypingError):
        package.check(found.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "2202 2061 1234 5678",
        "2202206112345678",
        "+7 912 345-67-89",
        "3782 822463 10005",
        "a man ate a thin pea",
        "ПРИВЕТ, КАК ДЕЛА",
        CODE[:-1],
        CODE + "7",
        CODE[:12],
        "https://example.com/",
        "https://example.com/C/about",
        "https://example.com/C/" + "9" * 40,
        "a/p/b",
        "t=20260903T1412&s=1286.00&fn=9960440300123456&i=54813",
        "4600439931255",
        "x" * 5000,
        "https://[::1/C/" + CODE,
    ],
)
def test_other_text_is_unknown(text):
    assert classify(text) == Payload("unknown", text)


def test_sixteen_digits_need_valid_check_symbol():
    numbers = [f"{number:016}" for number in range(2202206112345000, 2202206112345100)]

    kinds = [classify(number).kind for number in numbers]

    assert {kind == "package" for kind in kinds} == {True, False}
    assert all((kind == "package") == has_valid_check(number) for kind, number in zip(kinds, numbers, strict=True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("HTTPS://EX.RU/P/SPRING", Payload("promo", "SPRING")),
        ("https://ex.ru/p/весна-26", Payload("promo", "ВЕСНА-26")),
        ("https://ex.ru/p/%D0%92%D0%95%D0%A1", Payload("promo", "ВЕС")),
        ("HTTPS://EX.RU/G/4f7k-22", Payload("certificate", "4F7K-22")),
        (RECEIPT, Payload("receipt", RECEIPT)),
        (f"\n{RECEIPT}\r\n", Payload("receipt", RECEIPT)),
        (
            f"https://check.ofd.example/rec?{RECEIPT}",
            Payload("receipt", f"https://check.ofd.example/rec?{RECEIPT}"),
        ),
        ("4600439931256", Payload("barcode", GTIN)),
        ("96385074", Payload("barcode", "00000096385074")),
        ("036000291452", Payload("barcode", "00036000291452")),
        (GTIN, Payload("barcode", GTIN)),
        (f"01{GTIN}", Payload("barcode", GTIN)),
        # Its last digit is a valid check symbol, too.
        ("0104607123457771", Payload("barcode", "04607123457771")),
        (f"https://id.gs1.org/01/{GTIN}", Payload("barcode", GTIN)),
        (f"\x1d01{GTIN}215a'b\x1d93abcd", Payload("marking", f"01{GTIN}215a'b")),
        (f"]d201{GTIN}215a'b\x1d91EE08\x1d92{'x' * 44}", Payload("marking", f"01{GTIN}215a'b")),
        (f"(01){GTIN}(21)5a'b", Payload("marking", f"01{GTIN}215a'b")),
        (f"https://id.gs1.org/01/{GTIN}/21/5a'b", Payload("marking", f"01{GTIN}215a'b")),
    ],
)
def test_text_is_classified_by_its_form(text, found):
    assert classify(text) == found


@pytest.mark.parametrize(
    ("host", "kind"),
    [("EX.RU", "package"), ("ex.ru:8443", "package"), ("evil.ru", "unknown"), ("ex.ru.evil.ru", "unknown")],
)
def test_link_is_recognised_from_configured_hosts_only(host, kind):
    assert classify(f"https://{host}/C/{CODE}", hosts=["Ex.ru"]).kind == kind


def test_host_with_port_is_recognised():
    hosts = ["127.0.0.1:8000"]

    assert classify(f"http://127.0.0.1:8000/C/{CODE}", hosts=hosts).kind == "package"
    assert classify(f"http://127.0.0.1:9000/C/{CODE}", hosts=hosts).kind == "unknown"


pieces = st.sampled_from(
    [
        CODE,
        GTIN,
        "01",
        "21",
        "\x1d",
        "https://",
        "EX.RU",
        "/C/",
        "/P/",
        "?",
        "%",
        "%D0",
        "(",
        ")",
        "[",
        "-",
        " ",
        RECEIPT,
    ]
)


@given(st.text() | st.lists(pieces).map("".join) | st.text(ALPHABET + "- U", min_size=12, max_size=24))
@example("ß" * 8)
@example("\ud800" * 16)
def test_arbitrary_text_is_classified(text):
    found = classify(text)
    again = classify(found.value)

    assert found.kind in payload.Kind.__args__
    assert again.kind == found.kind or found.kind in {"package", "promo", "certificate", "barcode"}


@pytest.mark.parametrize(
    "text",
    [
        f"\u202d{CODE}\u202c",
        f"\u2066{package.grouped(CODE)}\u2069",
        "\u200b".join(CODE),
        f"«{package.grouped(CODE)}».",
        f'"{CODE}"',
        CODE + "\ufe0f",
        CODE.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}),
        f"(https://ex.ru/C/{CODE})",
        f"https://ex.ru/C/{CODE[:7]}\n{CODE[7:]}",
    ],
)
def test_package_code_with_surrounding_punctuation_is_recognised(text):
    assert classify(text) == Payload("package", CODE)


@pytest.mark.parametrize(
    "text", [CODE, package.grouped(CODE).lower(), f"https://ex.ru/C/{CODE}", f"HTTPS://EX.RU/C/{CODE}"]
)
def test_package_code_typed_on_cyrillic_layout_is_recognised(text):
    assert classify(on_layout(text)) == Payload("package", CODE)


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        ("https://check.ofd.ru/rec/9960440300123456/12345/1234567890", "receipt"),
        ("http://consumer.oofd.kz/?i=1734974179&f=010100465991&s=13507.0&t=20210922T224125", "receipt"),
        (f"https://ex.ru/c/{CODE}", "package"),
    ],
)
def test_link_in_sentence_is_read(link, kind):
    assert classify(f"Ваш чек: {link} спасибо").kind == classify(f'<a href="{link}">чек</a>').kind == kind


@pytest.mark.parametrize("text", ["см. https://ex.ru/a и https://ex.ru/b", "см. https://ex.ru/4600439931256 тут"])
def test_other_links_in_sentence_are_unknown(text):
    assert classify(text).kind == "unknown"
