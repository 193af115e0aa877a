"""Webhooks go to public addresses only, and to the very address that was looked at."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from httpx2 import URL

from backend.webhooks import posting, targets
from tests.webhooks.conftest import make_hook
from tests.webhooks.receiver import receiving

PUBLIC = "93.184.215.14"
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - nobody listens there
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.2.1",
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
def test_an_address_that_is_not_public_is_known(address):
    assert not targets.is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", f"::ffff:{PUBLIC}", "64:ff9b::5db8:d70e"])
def test_a_public_address_is_known(address):
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
async def test_a_target_that_nothing_may_be_sent_to_is_refused_at_once(brand, url):
    answer = await brand.put("/v1/console/webhooks/erp", {"url": url})

    assert (answer.status_code, answer.json()["code"]) == (422, "url_forbidden")


@pytest.mark.parametrize("url", ["https://erp.example", "https://erp.example:8443/a?b=1", f"https://{PUBLIC}/"])
async def test_a_public_target_is_taken(brand, url):
    answer = await brand.put("/v1/console/webhooks/erp", {"url": url})

    assert (answer.status_code, answer.json()["url"]) == (200, url)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "0"])
async def test_a_name_for_this_machine_is_found_out_when_it_is_sent_to(brand, db, settings, host):
    with receiving() as receiver:
        hook = await make_hook(brand, db, settings, f"https://{host}:{receiver.port}/")
        await hook.deed()
        await hook.work()

    (line,) = await hook.log()
    assert (line["state"], line["problem"]) == ("waiting", "forbidden")
    assert receiver.got == []


async def test_one_address_that_is_not_public_is_enough(brand, db, settings):
    async def resolve(host: str, port: int) -> list[str]:
        return [PUBLIC, "10.0.0.5"]

    hook = await make_hook(brand, db, settings, "https://erp.example/")
    await hook.deed()
    await hook.work(resolve=resolve)

    (line,) = await hook.log()
    assert (line["problem"], line["attempts"]) == ("forbidden", 1)


async def test_a_target_that_became_forbidden_is_not_sent_to_any_more(hook, receiver, settings):
    hook.settings = settings  # as if private addresses had been allowed for a while
    await hook.deed()
    await hook.work()

    (line,) = await hook.log()
    assert line["problem"] == "forbidden"
    assert receiver.got == []


async def test_a_name_that_means_something_else_the_second_time_leads_nowhere_else(brand, db, private):
    asked = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1" if len(asked) == 1 else "127.0.0.2"]

    with receiving() as looked_at, receiving("127.0.0.2") as elsewhere:
        hook = await make_hook(brand, db, private, f"http://rebinding.example:{looked_at.port}/hook")
        await hook.deed()
        await hook.work(resolve=resolve)

    (got,) = looked_at.got
    assert got.headers["host"] == f"rebinding.example:{looked_at.port}"
    assert asked == [("rebinding.example", looked_at.port)]
    assert elsewhere.got == []


async def test_the_url_that_is_asked_holds_the_number_that_was_looked_at():
    async def resolve(host: str, port: int) -> list[str]:
        return [PUBLIC, "2606:4700::1111"]

    url = URL("https://erp.example:8443/hook?brand=1")
    pinned = [await targets.pin(url, attempt, private=False, resolve=resolve) for attempt in (1, 2, 3)]

    assert list(map(str, pinned)) == [
        f"https://{PUBLIC}:8443/hook?brand=1",
        "https://[2606:4700::1111]:8443/hook?brand=1",
        f"https://{PUBLIC}:8443/hook?brand=1",
    ]


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A certificate for receiver.example, and senders that trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    client = ssl.create_default_context(cafile=pem)
    monkeypatch.setattr(posting, "context", lambda: client)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server


@pytest.mark.parametrize(
    ("host", "state", "problem"),
    [("receiver.example", "done", None), ("another.example", "waiting", "unreachable")],
)
async def test_the_certificate_must_be_of_the_name_though_the_number_is_asked(
    brand, db, private, trusted, host, state, problem
):
    async def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with receiving(tls=trusted) as receiver:
        hook = await make_hook(brand, db, private, f"https://{host}:{receiver.port}/hook")
        await hook.deed()
        await hook.work(resolve=resolve)

    (line,) = await hook.log()
    assert (line["state"], line.get("problem")) == (state, problem)
    assert len(receiver.got) == (state == "done")
