"""Key files, sealed values and hashes over a rotation."""

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from backend.core import keyring
from backend.core.keyring import KeyInvalid, Keyring
from backend.core.security import digests, encryption
from backend.core.security.passwords import seal_hash, unseal_hash

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))
FIRST = Keyring({1: ONE})
ROTATED = Keyring({1: ONE, 2: TWO})


def test_parse_single_key_is_the_first():
    assert keyring.parse(ONE.hex() + "\n") == {1: ONE}


def test_parse_numbered_keys_of_lines_or_blanks():
    assert keyring.parse(f"1:{ONE.hex()}\n2:{TWO.hex()} 3:{THREE.hex()}") == {1: ONE, 2: TWO, 3: THREE}


@pytest.mark.parametrize(
    "text", ["ab", "z" * 64, f"0:{ONE.hex()}", f"x:{ONE.hex()}", f"256:{ONE.hex()}", f"{ONE.hex()} 1:{TWO.hex()}", "2:"]
)
def test_parse_damaged_text_is_refused(text):
    with pytest.raises(KeyInvalid):
        keyring.parse(text)


def test_add_key_preserves_older_keys(tmp_path):
    path = tmp_path / "master.key"
    path.write_text(ONE.hex() + "\n")

    number = keyring.add(path)

    keys = keyring.parse(path.read_text())
    assert (number, keys[1], len(keys)) == (2, ONE, 2)
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_keyring_reads_key_added_while_running(tmp_path):
    path = tmp_path / "master.key"
    path.write_text(ONE.hex() + "\n")
    running = Keyring({1: ONE}, path)

    keyring.add(path)

    assert running.key(2) == keyring.parse(path.read_text())[2]
    assert running.newest == 2


def test_sealed_value_of_first_release_opens():
    sealed = encryption.encrypt(FIRST, b"purpose", b"owner", b"secret")

    assert encryption.decrypt(ROTATED, b"purpose", b"owner", sealed) == b"secret"
    assert encryption.key_number(sealed) == 1


def test_sealed_value_names_its_key():
    sealed = encryption.encrypt(ROTATED, b"purpose", b"owner", b"secret")

    assert encryption.key_number(sealed) == 2
    assert encryption.decrypt(Keyring({2: TWO}), b"purpose", b"owner", sealed) == b"secret"


@pytest.mark.parametrize("keys", [FIRST, Keyring({1: TWO, 2: ONE})])
def test_sealed_value_under_missing_key_is_invalid(keys):
    sealed = encryption.encrypt(ROTATED, b"purpose", b"owner", b"secret")

    with pytest.raises(InvalidTag):
        encryption.decrypt(keys, b"purpose", b"owner", sealed)


@given(nonce=st.binary(min_size=8, max_size=8))
def test_sealed_value_with_marked_nonce_opens(nonce):
    nonce = encryption.MARK + b"\x02" + nonce
    sealed = nonce + encryption._derive_cipher(ONE, b"purpose").encrypt(nonce, b"secret", b"owner")

    assert encryption.decrypt(ROTATED, b"purpose", b"owner", sealed) == b"secret"


def test_password_hash_is_the_same_inside_each_pepper():
    assert seal_hash(FIRST, "$argon2id$x") == "$argon2id$x"
    assert unseal_hash(ROTATED, seal_hash(ROTATED, "$argon2id$x")) == "$argon2id$x"
    assert seal_hash(ROTATED, "$argon2id$x").startswith("$sealed$2$")


@given(text=st.binary(), kind=st.sampled_from([digests.INN, digests.LISTED_CODES]))
def test_rotated_digest_equals_a_new_one(text, kind):
    before = digests.chain(FIRST, kind, text)[0]
    newest = Keyring({1: ONE, 2: TWO, 3: THREE})

    assert digests.carried(newest, kind, before, 1, 3) == digests.chain(newest, kind, text)[-1]
