"""Targets of webhooks: only public addresses, and only the address that was checked."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from httpx2 import URL

from backend.notifications.webhooks import http_delivery, targets
from tests.notifications.webhooks.conftest import make_hook
from tests.notifications.webhooks.receiver import receiving

PUBLIC = "93.184.215.14"
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - only an example
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.31.196.1",
    "192.88.99.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::5db8:d70e",
    "100::1",
    "2001::1",
    "2001:1::1",
    "2001:20::1",
    "2620:4f:8000::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:5db8:d70e::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_special_address_is_not_public(address):
    assert not targets.is_public(address)


BESIDE = ["192.0.1.1", "100.128.0.1", "2001:200::1", "2001:db7::1"]
TRANSLATED = [f"::ffff:{PUBLIC}", "64:ff9b::5db8:d70e"]


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", *BESIDE, *TRANSLATED])
def test_public_address_is_public(address):
    assert targets.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example/",
        "https://erp.example:22/",
        "https://erp.example:80/",
        "https://erp.example:1023/",
        "https://erp.example:70000/",
        "https://user@erp.example/",
        "https://user:word@erp.example/",
        "https://erp.example/#here",
        "https:///path",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]:8443/",
    ],
)
async def test_forbidden_target_is_refused_at_creation(brand, url):
    answer = await brand.put("/v1/console/webhooks/erp", {"url": url})

    assert (answer.status_code, answer.json()["code"]) == (422, "url_forbidden")


@pytest.mark.parametrize("url", ["https://erp.example", "https://erp.example:8443/a?b=1", f"https://{PUBLIC}/"])
async def test_public_target_is_accepted(brand, url):
    answer = await brand.put("/v1/console/webhooks/erp", {"url": url})

    assert (answer.status_code, answer.json()["url"]) == (200, url)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0"])
async def test_name_of_this_machine_is_forbidden_when_sending(brand, db, settings, host):
    with receiving() as receiver:
        hook = await make_hook(brand, db, settings, f"https://{host}:{receiver.port}/")
        await hook.create_event()
        await hook.work()

    (line,) = await hook.log()
    assert (line["state"], line["problem"]) == ("waiting", "forbidden")
    assert receiver.got == []


async def test_host_with_one_private_address_is_forbidden(brand, db, settings):
    async def resolve(host: str, port: int) -> list[str]:
        return [PUBLIC, "10.0.0.5"]

    hook = await make_hook(brand, db, settings, "https://erp.example/")
    await hook.create_event()
    await hook.work(resolve=resolve)

    (line,) = await hook.log()
    assert (line["problem"], line["attempts"]) == ("forbidden", 1)


async def test_target_that_became_forbidden_gets_nothing(hook, receiver, settings):
    hook.settings = settings  # private addresses were allowed before
    await hook.create_event()
    await hook.work()

    (line,) = await hook.log()
    assert line["problem"] == "forbidden"
    assert receiver.got == []


async def test_host_is_resolved_once_per_attempt(brand, db, private):
    lookups = []

    async def resolve(host: str, port: int) -> list[str]:
        lookups.append((host, port))
        return ["127.0.0.1" if len(lookups) == 1 else "127.0.0.2"]

    with receiving() as checked, receiving("127.0.0.2") as elsewhere:
        hook = await make_hook(brand, db, private, f"http://rebinding.example:{checked.port}/hook")
        await hook.create_event()
        await hook.work(resolve=resolve)

    (got,) = checked.got
    assert got.headers["host"] == f"rebinding.example:{checked.port}"
    assert lookups == [("rebinding.example", checked.port)]
    assert elsewhere.got == []


async def test_request_goes_to_the_checked_address():
    async def resolve(host: str, port: int) -> list[str]:
        return [PUBLIC, "2606:4700::1111"]

    url = URL("https://erp.example:8443/hook?brand=1")
    pinned = [await targets.pin_address(url, attempt, private=False, resolve=resolve) for attempt in (1, 2, 3)]

    assert list(map(str, pinned)) == [
        f"https://{PUBLIC}:8443/hook?brand=1",
        "https://[2606:4700::1111]:8443/hook?brand=1",
        f"https://{PUBLIC}:8443/hook?brand=1",
    ]


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A certificate for receiver.example that senders trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    client = ssl.create_default_context(cafile=pem)
    monkeypatch.setattr(http_delivery, "tls_context", lambda: client)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server


@pytest.mark.parametrize(
    ("host", "state", "problem"),
    [("receiver.example", "done", None), ("another.example", "waiting", "unreachable")],
)
async def test_certificate_is_verified_for_the_name(brand, db, private, trusted, host, state, problem):
    async def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with receiving(tls=trusted) as receiver:
        hook = await make_hook(brand, db, private, f"https://{host}:{receiver.port}/hook")
        await hook.create_event()
        await hook.work(resolve=resolve)

    (line,) = await hook.log()
    assert (line["state"], line.get("problem")) == (state, problem)
    assert len(receiver.got) == (state == "done")
