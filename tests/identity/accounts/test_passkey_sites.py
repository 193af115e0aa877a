"""For which sites passkeys are made, and by which authenticators."""

import pytest

from backend.core.security.authenticator import Site, SiteIsNumber
from tests.identity.accounts.authenticator import WindowsHello
from tests.identity.accounts.ceremonies import come_back, offer, offer_new, send_new
from tests.make import World


@pytest.mark.parametrize(
    ("url", "rp_id", "origin"),
    [
        ("http://127.0.0.1:8000", "localhost", "http://localhost:8000"),
        ("http://127.9.9.9", "localhost", "http://localhost"),
        ("http://127.1:8000", "localhost", "http://localhost:8000"),
        ("http://2130706433:8000", "localhost", "http://localhost:8000"),
        ("http://0x7f000001", "localhost", "http://localhost"),
        ("http://0177.0.0.1", "localhost", "http://localhost"),
        ("http://127.0.0.1.:8000", "localhost", "http://localhost:8000"),
        ("http://[::1]:8000", "localhost", "http://localhost:8000"),
        ("http://[::ffff:127.0.0.1]:8000", "localhost", "http://localhost:8000"),
        ("http://0.0.0.0:8000", "localhost", "http://localhost:8000"),
        ("http://localhost:8000", "localhost", "http://localhost:8000"),
        ("http://LOCALHOST:80", "localhost", "http://localhost"),
        ("https://Bonus.Example:443/", "bonus.example", "https://bonus.example"),
        ("https://bonus.example:8443", "bonus.example", "https://bonus.example:8443"),
        ("https://бонус.рф", "xn--90aycnj.xn--p1ai", "https://xn--90aycnj.xn--p1ai"),
        ("https://7bonus.example", "7bonus.example", "https://7bonus.example"),
    ],
)
def test_passkey_site_is_normalized_as_browsers_do(url, rp_id, origin):
    assert Site.of(url) == Site(rp_id, origin)


@pytest.mark.parametrize(
    "url", ["http://192.168.1.5:8000", "http://10.1", "http://[2001:db8::1]", "http://3232235777", "http://1.2.3.4.5"]
)
def test_site_of_another_number_is_refused(url):
    with pytest.raises(SiteIsNumber):
        Site.of(url)


async def test_windows_hello_key_is_made_and_opens(world: World):
    account, computer = await world.account(), WindowsHello()
    options = await offer_new(world, account)

    made = await send_new(world, account, computer.create(options))
    opened = await come_back(world, computer.get(await offer(world)))

    assert [kind["alg"] for kind in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert (made.status_code, opened.status_code) == (201, 201)


@pytest.mark.parametrize("bits", [1024, 8192])
async def test_rsa_key_of_another_size_is_refused(world: World, bits):
    account, computer = await world.account(), WindowsHello(bits)

    response = await send_new(world, account, computer.create(await offer_new(world, account)))

    assert (response.status_code, response.json()["code"]) == (422, "passkey_invalid")
