"""Keys in files and in environment files."""

import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from leitstand.audit.signing import BadKey, FileSigner, OpenKeyFile, PublicKey, trusted_keys


def test_the_key_is_made_at_first_use_and_is_private(tmp_path: Path):
    path = tmp_path / "key.pem"
    made, again = FileSigner(path), FileSigner(path)
    assert made.public == again.public
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_all_who_make_the_key_at_once_get_the_same(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(FileSigner, [tmp_path / "key.pem"] * 16))
    assert 1 == len({signer.public.id for signer in made})


def test_a_key_that_others_can_read_is_refused(tmp_path: Path):
    path = tmp_path / "key.pem"
    FileSigner(path)
    path.chmod(0o640)
    with pytest.raises(OpenKeyFile, match="chmod 600"):
        FileSigner(path)


def test_the_id_is_the_digest_of_what_openssl_writes(tmp_path: Path):
    public = FileSigner(tmp_path / "key.pem").public
    assert hashlib.sha256(public.der).hexdigest() == public.id
    assert 44 == len(public.der)


def test_both_forms_of_a_public_key_are_read(tmp_path: Path):
    public = FileSigner(tmp_path / "key.pem").public
    pem = public._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert {public.id: public} == trusted_keys([public.text]) == trusted_keys([pem])


@pytest.mark.parametrize("text", ["", "x", "AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA", "ü"])
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(BadKey):
        PublicKey.parse(text)


def test_a_key_of_another_kind_is_refused(tmp_path: Path):
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(BadKey):
        PublicKey.parse(public.decode())
    path = tmp_path / "key.pem"
    path.touch(0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(BadKey):
        FileSigner(path)


def test_a_key_does_not_show_itself(tmp_path: Path):
    signer = FileSigner(tmp_path / "key.pem")
    assert "PRIVATE" not in repr(vars(signer))


def test_only_the_signed_message_verifies(tmp_path: Path):
    signer = FileSigner(tmp_path / "key.pem")
    made = signer.sign(b"message")
    assert signer.public.id == made.keyid
    assert signer.public.verifies(made.sig, b"message")
    assert not signer.public.verifies(made.sig, b"massage")
    assert not signer.public.verifies(made.sig[:-1], b"message")
    assert not signer.public.verifies(b"", b"message")
