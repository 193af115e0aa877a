"""The file of suppliers: whose it must be, and what must stand in it."""

import pytest

from payouts.partners.opening import SettingsWrong, longest_call, open_supplier, read_settings
from payouts.partners.supplying import SupplierSettings, Wanted

GOOD = """
[[supplier]]
name = "books"
kind = "generic"
url = "https://aggregator.example.invalid/api"
token = "secret"
per_second = 5

[[supplier]]
name = "abroad"
kind = "tango"
url = "https://integration-api.tangocard.com"
token = "platform:key"
per_second = 1
account = "ACCOUNT"
customer = "CUSTOMER"
timeout = 20
"""


def written(folder, text, mode=0o600):
    path = folder / "suppliers.toml"
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


async def test_the_file_is_read_and_its_suppliers_opened(tmp_path):
    books, abroad = read_settings(written(tmp_path, GOOD))

    assert (books.name, books.kind, books.timeout) == ("books", "generic", 10.0)
    assert longest_call(abroad) == 41.02
    for settings in (books, abroad):
        await open_supplier(settings).close()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"generic"', '"magic"', "Invalid enum value"),
        ("per_second = 5", "per_second = 0", "positive"),
        ("per_second = 5", "per_minute = 5", "per_minute"),
        ("timeout = 20", "timeout = 61", "60 s at most"),
        ('token = "secret"', 'token = ""', "printable ASCII"),
        ('token = "secret"', 'token = "se\\ncret"', "printable ASCII"),
        ('token = "secret"', 'token = "секрет"', "printable ASCII"),
        ("https://aggregator", "http://aggregator", "https"),
        ("https://aggregator", "https://user@aggregator", "https"),
        ("example.invalid/api", "example.invalid/api?key=1", "https"),
        ('"platform:key"', '"key"', "platform:key"),
        ('customer = "CUSTOMER"', "", "customer"),
        ('"abroad"', '"books"', "one name"),
        ('"books"', '""', "a name"),
        ("[[supplier]]", "[supplier", "suppliers.toml"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, old, new, says):
    path = written(tmp_path, GOOD.replace(old, new, 1))

    with pytest.raises(SettingsWrong, match=says) as raised:
        read_settings(path)

    assert "secret" not in str(raised.value)


def test_a_file_that_others_can_read_is_refused(tmp_path):
    with pytest.raises(SettingsWrong, match="chmod 600"):
        read_settings(written(tmp_path, GOOD, mode=0o640))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsWrong, match="cannot be read"):
        read_settings(tmp_path / "none.toml")


def test_plain_http_is_for_this_machine(tmp_path):
    path = written(tmp_path, GOOD.replace("https://aggregator.example.invalid", "http://127.0.0.1:8300"))

    assert read_settings(path)[0].url == "http://127.0.0.1:8300/api"


def test_a_token_shows_nowhere():
    settings = SupplierSettings("books", "generic", "https://x.invalid", "secret", 1.0)

    assert "secret" not in repr(settings)
    assert "secret" not in str(settings)


@pytest.mark.parametrize(
    ("reference", "product", "nominal"),
    [("", "BOOKS", 1), ("../1", "BOOKS", 1), ("x" * 101, "BOOKS", 1), ("1", "", 1), ("1", "BOOKS", 0), ("1\n", "B", 1)],
)
def test_an_order_without_a_key_cannot_even_be_made(reference, product, nominal):
    with pytest.raises(ValueError, match="needs a reference"):
        Wanted(reference, product, nominal)
