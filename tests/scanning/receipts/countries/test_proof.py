import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scanning.receipts.countries import ForeignInvalid, at, de, in_, recognise
from scanning.receipts.countries.signature_keys import KeyInvalid
from tests.scanning.receipts.countries import make

CURVES = [
    (ec.SECP256R1, "SHA256"),
    (ec.BrainpoolP256R1, "SHA256"),
    (ec.SECP384R1, "SHA384"),
    (ec.BrainpoolP384R1, "SHA384"),
]


def spki(key, encoding=Encoding.PEM):
    return key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def test_austrian_receipt_without_certificate_is_unverified():
    assert recognise(make.austrian()).proof == "needs_certificate"


@pytest.mark.parametrize(
    "certified",
    [
        make.certificate(make.ec_key(), 0x1A2B3C4D),
        make.ec_key().public_key(),
        spki(make.ec_key()),
        spki(make.ec_key(), Encoding.DER),
    ],
    ids=["certificate", "key", "PEM", "DER"],
)
def test_austrian_signature_is_verified_by_certificate_or_key(certified):
    assert at.prove(make.austrian(), certified) == "signature_valid"


@pytest.mark.parametrize(("was", "becomes"), [("12,00", "21,00"), ("_4711_", "_4712_"), ("14:05", "14:06")])
def test_changed_austrian_receipt_is_detected(was, becomes):
    assert at.prove(make.austrian().replace(was, becomes), make.ec_key().public_key()) == "signature_invalid"


def test_austrian_receipt_with_another_key_is_detected():
    forged = make.austrian(key=ec.generate_private_key(ec.SECP256R1()))

    assert at.prove(forged, make.certificate(make.ec_key(), 0x1A2B3C4D)) == "signature_invalid"


def test_certificate_of_another_shop_verifies_nothing():
    assert at.prove(make.austrian(), make.certificate(make.ec_key(), 5)) == "needs_certificate"


def test_austrian_receipt_from_broken_device_is_unverified():
    line = make.austrian().rpartition("_")[0]
    text = f"{line}_{base64.b64encode(b'Sicherheitseinrichtung ausgefallen').decode()}"

    assert recognise(text).proof == "none"
    assert at.prove(text, make.ec_key().public_key()) == "none"


@pytest.mark.parametrize(("curve", "sha"), CURVES)
@pytest.mark.parametrize("clock", ["unixTime", "utcTime", "generalizedTime"])
def test_german_signature_is_verified_by_its_key(curve, sha, clock):
    found = recognise(make.german(curve=curve, sha=sha, clock=clock))

    assert (found.proof, found.total, found.operation) == ("signature_valid", 1400, 1)
    assert found.at.isoformat() == "2025-12-01T17:30:05"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("11.90", "91.90"), (";200;", ";201;"), ("16:30:05", "16:30:06"), ("KASSE-12", "KASSE-13"), (";400;", ";401;")],
)
def test_changed_german_receipt_is_detected(was, becomes):
    assert recognise(make.german().replace(was, becomes)).proof == "signature_invalid"


def test_long_german_receipt_is_verified():
    process = "Beleg^11.90_0.00_0.00_0.00_0.00^" + "_".join(["1.00:Unbar"] * 10) + "_1.90:Bar"

    assert recognise(make.german(process=process)).proof == "signature_valid"


@pytest.mark.parametrize(
    ("was", "becomes"), [("ecdsa-plain-SHA256", "ecdsa-plain-SHA999"), ("unixTime", "moonTime"), (";BA", ";AA")]
)
def test_german_receipt_with_unknown_signature_is_unverified(was, becomes):
    text = make.german()
    if was == ";BA":
        head, _, key = text.rpartition(";")
        text = f"{head};{base64.b64encode(b'unknown' + base64.b64decode(key)).decode()}"

    assert recognise(text.replace(was, becomes) if was != ";BA" else text).proof == "needs_certificate"


def test_german_receipt_is_identified_by_device_and_transaction():
    first, again = recognise(make.german()), recognise(make.german().replace("V0;", "v0;"))
    other = recognise(make.german(curve=ec.BrainpoolP256R1))

    assert first.key == again.key != other.key
    assert first.key.endswith(":200")


def test_german_device_needs_its_own_certificate():
    assert de.prove(make.german(), make.certificate(make.ec_key(ec.SECP256R1), 9)) == "signature_valid"
    assert de.prove(make.german(), make.ec_key(ec.BrainpoolP256R1).public_key()) == "needs_certificate"
    assert de.prove(make.german(), make.rsa_key().public_key()) == "needs_certificate"


def test_indian_invoice_is_verified_with_portal_key():
    assert recognise(make.indian()).proof == "needs_certificate"
    assert in_.prove(make.indian(), make.rsa_key().public_key()) == "signature_valid"
    assert in_.prove(make.indian(), make.certificate(make.rsa_key(), 1)) == "signature_valid"


def test_changed_indian_invoice_is_detected():
    head, _, signature = make.indian().split(".")
    _, claims, _ = make.indian(TotInvVal=1).split(".")

    assert in_.prove(f"{head}.{claims}.{signature}", make.rsa_key().public_key()) == "signature_invalid"


def test_key_of_wrong_kind_is_refused():
    with pytest.raises(KeyInvalid):
        at.prove(make.austrian(), make.rsa_key().public_key())
    with pytest.raises(KeyInvalid):
        in_.prove(make.indian(), make.ec_key().public_key())
    with pytest.raises(KeyInvalid):
        at.prove(make.austrian(), b"no certificate")


@pytest.mark.parametrize("country", [at, de, in_])
def test_text_of_another_country_is_refused(country):
    with pytest.raises(ForeignInvalid):
        country.prove("a text of another kind", make.ec_key().public_key())


def test_serbian_invoice_signature_is_not_checked():
    assert recognise(make.serbian_link()).proof == "needs_certificate"


def test_saudi_second_phase_invoice_is_unverified():
    assert recognise(make.saudi(bytes(32), b"MEUCIQ==", b"key", b"stamp")).proof == "none"
