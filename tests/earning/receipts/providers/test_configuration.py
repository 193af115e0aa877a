"""The file of providers, the clients by kind, and the token, which shows nowhere."""

import io
import logging

import pytest
import structlog

from backend.core.settings import SettingMissing
from backend.earning.receipts.providers import configuration, exchange
from backend.earning.receipts.providers.configuration import ProviderSettings
from simulators.receipts import receipt_factory
from tests.earning.receipts.providers.conftest import SECRET, TOKEN, opened, receipt_query

DEBUG = structlog.make_filtering_bound_logger(logging.DEBUG)

GOOD = """
[[provider]]
name = "tax-service"
kind = "fns"
url = "https://openapi.example.invalid:8090"
token = "master"
per_second = 5
per_day = 1000

[[provider]]
name = "people"
kind = "manual"
"""


def file_of(tmp_path, text, mode=0o600):
    path = tmp_path / "providers.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_providers_are_in_the_order_of_the_file(tmp_path):
    first, last = configuration.read_settings(file_of(tmp_path, GOOD))

    assert (first.name, first.kind, first.per_second, first.per_day, first.timeout) == (
        "tax-service",
        "fns",
        5,
        1000,
        10,
    )
    assert (last.name, last.kind) == ("people", "manual")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_file_readable_by_others_is_refused(tmp_path, mode):
    with pytest.raises(SettingMissing, match="chmod 600"):
        configuration.read_settings(file_of(tmp_path, GOOD, mode))


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("provider = 1", "Expected `array`"),
        ("[[provider]]\nname = 'x'", "missing required field `kind`"),
        ("[[provider]]\nname = 'x'\nkind = 'pigeon'", "Invalid enum value"),
        ("[[provider]]\nname = 'x'\nkind = 'manual'\ncolour = 1", "unknown field `colour`"),
        ("[[provider]]\nname = 'x'\nkind = 'fns'\nurl = 'https://a.example'", "needs a token"),
        ("[[provider]]\nname = 'x'\nkind = 'fns'\nurl = 'http://a.example'\ntoken = 'sesame'", "https address"),
        ("[[provider]]\nname = 'x'\nkind = 'manual'\nper_second = 0", "positive quotas"),
        ("[[provider]]\nname = 'x'\nkind = 'callback'\nurl = 'https://a.example'\ntoken = 'sesame'", "callback_url"),
        (GOOD + GOOD, "one name"),
        ("not toml", "providers.toml"),
    ],
)
def test_invalid_setting_is_named_without_token(tmp_path, text, output):
    with pytest.raises(SettingMissing, match=output) as refused:
        configuration.read_settings(file_of(tmp_path, text))

    assert "sesame" not in str(refused.value)


def test_missing_file_is_reported(tmp_path):
    with pytest.raises(SettingMissing, match="cannot be read"):
        configuration.read_settings(tmp_path / "none.toml")


def test_client_without_required_setting_is_refused():
    with pytest.raises(SettingMissing, match="secret"):
        configuration.open_provider(ProviderSettings(name="x", kind="callback", token="t"))
    with pytest.raises(SettingMissing, match="longer"):
        configuration.open_provider(ProviderSettings(name="x", kind="fns", token="t", user="ю" * 100))


async def test_manual_provider_is_waiting():
    provider = configuration.open_provider(ProviderSettings(name="people", kind="manual"))

    answer = await provider.find_receipt(receipt_query(receipt_factory.make_receipt(1)))

    await provider.close()
    assert (answer.result, answer.spent) == ("waiting", 0)


def test_settings_repr_hides_token():
    settings = ProviderSettings(name="x", kind="fns", token=TOKEN)

    assert TOKEN not in f"{settings!r} {settings} {[settings]}"


@pytest.mark.parametrize("kind", ["fns", "proverkacheka", "callback"])
@pytest.mark.parametrize("script", [(), ("http_500",), ("timeout",)])
async def test_log_lines_hide_token(simulators, caplog, monkeypatch, kind, script):
    simulators.set_up(timeout_seconds=1)
    receipt = simulators.put(*script)

    # A logger of the test's own: the application, where it runs in this process, keeps silent below errors.
    ours = io.StringIO()
    monkeypatch.setattr(exchange, "log", structlog.wrap_logger(structlog.PrintLogger(ours), wrapper_class=DEBUG))
    with caplog.at_level(logging.DEBUG):
        async with opened(kind, simulators.url, timeout=0.6, callback_url="http://127.0.0.1:9/") as provider:
            answer = await provider.find_receipt(receipt_query(receipt))

    output = ours.getvalue()
    lines = caplog.text + output + repr(answer)
    assert caplog.text
    assert output.count("\n") == (answer.result == "unavailable") == bool(script)
    assert TOKEN not in lines
    assert SECRET.decode() not in lines
    assert "v1=" not in lines
