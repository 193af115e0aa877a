"""The file of suppliers: its permissions and its validation."""

import pytest

from payouts.partners.configuration import SuppliersFileInvalid, max_call_seconds, open_supplier, read_suppliers_file
from payouts.partners.supplier import PurchaseRequest, SupplierSettings

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


async def test_suppliers_file_is_read(tmp_path):
    books, abroad = read_suppliers_file(written(tmp_path, GOOD))

    assert (books.name, books.kind, books.timeout) == ("books", "generic", 10.0)
    assert max_call_seconds(abroad) == 41.02
    for settings in (books, abroad):
        await open_supplier(settings).close()


@pytest.mark.parametrize(
    ("old", "new", "message"),
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
def test_invalid_file_is_rejected_with_reason(tmp_path, old, new, message):
    path = written(tmp_path, GOOD.replace(old, new, 1))

    with pytest.raises(SuppliersFileInvalid, match=message) as raised:
        read_suppliers_file(path)

    assert "secret" not in str(raised.value)


def test_file_readable_by_others_is_rejected(tmp_path):
    with pytest.raises(SuppliersFileInvalid, match="chmod 600"):
        read_suppliers_file(written(tmp_path, GOOD, mode=0o640))


def test_missing_file_is_reported(tmp_path):
    with pytest.raises(SuppliersFileInvalid, match="cannot be read"):
        read_suppliers_file(tmp_path / "none.toml")


def test_plain_http_is_allowed_on_this_machine(tmp_path):
    path = written(tmp_path, GOOD.replace("https://aggregator.example.invalid", "http://127.0.0.1:8300"))

    assert read_suppliers_file(path)[0].url == "http://127.0.0.1:8300/api"


def test_token_appears_nowhere():
    settings = SupplierSettings("books", "generic", "https://x.invalid", "secret", 1.0)

    assert "secret" not in repr(settings)
    assert "secret" not in str(settings)


@pytest.mark.parametrize(
    ("reference", "product", "nominal"),
    [("", "BOOKS", 1), ("../1", "BOOKS", 1), ("x" * 101, "BOOKS", 1), ("1", "", 1), ("1", "BOOKS", 0), ("1\n", "B", 1)],
)
def test_request_without_reference_is_invalid(reference, product, nominal):
    with pytest.raises(ValueError, match="needs a reference"):
        PurchaseRequest(reference, product, nominal)
