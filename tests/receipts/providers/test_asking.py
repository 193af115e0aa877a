"""The file of providers, the clients by kind, and the token, which shows nowhere."""

import io
import logging

import pytest
import structlog

from backend.receipts.providers import asking, exchange
from backend.receipts.providers.asking import ProviderSettings
from backend.settings import SettingMissing
from backend.simulators import receipts_made
from tests.receipts.providers.conftest import SECRET, TOKEN, opened, question

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


def test_providers_are_read_in_the_order_of_the_file(tmp_path):
    first, last = asking.read_settings(file_of(tmp_path, GOOD))

    assert (first.name, first.kind, first.per_second, first.per_day, first.timeout) == (
        "tax-service",
        "fns",
        5,
        1000,
        10,
    )
    assert (last.name, last.kind) == ("people", "manual")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path, mode):
    with pytest.raises(SettingMissing, match="chmod 600"):
        asking.read_settings(file_of(tmp_path, GOOD, mode))


@pytest.mark.parametrize(
    ("text", "said"),
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
def test_what_does_not_fit_is_named_and_no_token_with_it(tmp_path, text, said):
    with pytest.raises(SettingMissing, match=said) as refused:
        asking.read_settings(file_of(tmp_path, text))

    assert "sesame" not in str(refused.value)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(SettingMissing, match="cannot be read"):
        asking.read_settings(tmp_path / "none.toml")


def test_a_client_needs_what_its_kind_needs():
    with pytest.raises(SettingMissing, match="secret"):
        asking.open_provider(ProviderSettings(name="x", kind="callback", token="t"))
    with pytest.raises(SettingMissing, match="longer"):
        asking.open_provider(ProviderSettings(name="x", kind="fns", token="t", user="ю" * 100))


async def test_a_person_is_waited_for():
    provider = asking.open_provider(ProviderSettings(name="people", kind="manual"))

    answer = await provider.ask(question(receipts_made.made(1)))

    await provider.close()
    assert (answer.result, answer.spent) == ("waiting", 0)


def test_settings_show_no_token():
    settings = ProviderSettings(name="x", kind="fns", token=TOKEN)

    assert TOKEN not in f"{settings!r} {settings} {[settings]}"


@pytest.mark.parametrize("kind", ["fns", "proverkacheka", "callback"])
@pytest.mark.parametrize("script", [(), ("http_500",), ("timeout",)])
async def test_no_log_line_holds_a_token(simulators, caplog, monkeypatch, kind, script):
    simulators.set_up(timeout_seconds=1)
    receipt = simulators.put(*script)

    # A logger of the test's own: the application, where it runs in this process, keeps silent below errors.
    ours = io.StringIO()
    monkeypatch.setattr(exchange, "log", structlog.wrap_logger(structlog.PrintLogger(ours), wrapper_class=DEBUG))
    with caplog.at_level(logging.DEBUG):
        async with opened(kind, simulators.url, timeout=0.6, callback_url="http://127.0.0.1:9/") as provider:
            answer = await provider.ask(question(receipt))

    said = ours.getvalue()
    lines = caplog.text + said + repr(answer)
    assert caplog.text
    assert said.count("\n") == (answer.result == "unavailable") == bool(script)
    assert TOKEN not in lines
    assert SECRET.decode() not in lines
    assert "v1=" not in lines
