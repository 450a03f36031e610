"""Envelopes, held against the DSSE specification and against OpenSSL."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from leitstand.audit.envelopes import Envelope, MalformedEnvelope, accepted_keys, pae, sign
from leitstand.audit.signing import FileSigner, Signature

# protocol.md of secure-systems-lab/dsse, version 1.0.0, section "Test Vectors"
X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
VECTOR = b"""{"payload": "aGVsbG8gd29ybGQ=",
 "payloadType": "http://example.com/HelloWorld",
 "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}
"""  # noqa: E501  as the specification prints it


def test_the_encoding_that_is_signed_is_that_of_the_specification():
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert expected == pae("http://example.com/HelloWorld", b"hello world")


def test_lengths_count_bytes_and_not_characters():
    assert b"DSSEv1 2 \xc3\xbc 3 \x00\xff " == pae("ü", b"\x00\xff ")


def test_the_signature_of_the_specification_verifies_over_our_encoding():
    envelope = Envelope.decode(VECTOR)
    assert b"hello world" == envelope.payload
    sig = envelope.signatures[0].sig
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    key = ec.EllipticCurvePublicNumbers(X, Y, ec.SECP256R1()).public_key()
    message = pae(envelope.payload_type, envelope.payload)
    key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))


def test_openssl_verifies_what_we_sign(tmp_path: Path):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl")
    signer = FileSigner(tmp_path / "key.pem")
    data = json.loads(sign("application/vnd.in-toto+json", b'{"a":1}', signer).encode())
    payload = base64.b64decode(data["payload"])
    kind = data["payloadType"].encode()
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "sig").write_bytes(base64.b64decode(data["signatures"][0]["sig"]))
    (tmp_path / "public.der").write_bytes(base64.b64decode(signer.public.text))
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "public.der",
               "-rawin", "-in", "message", "-sigfile", "sig"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (0, "Signature Verified Successfully") == (done.returncode, done.stdout.strip())


def test_what_is_encoded_decodes_to_the_same(tmp_path: Path):
    envelope = sign("text/plain", bytes(range(256)), FileSigner(tmp_path / "key.pem"))
    assert envelope == Envelope.decode(envelope.encode())


def test_the_quick_way_reads_our_own_form_and_nothing_else(tmp_path: Path):
    envelope = sign("text/plain", b"payload!", FileSigner(tmp_path / "key.pem"))
    content = envelope.encode()
    assert envelope == Envelope.decode_own(content)
    for at in range(len(content)):
        for changed in (
            content[:at] + content[at + 1 :],
            content[:at] + b"=" + content[at:],
            content[:at] + b" " + content[at:],
            content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
        ):
            found = Envelope.decode_own(changed)
            assert found is None or found.encode() == changed != content


def test_both_alphabets_of_base64_are_read():
    standard = b'{"payload":"+/+/","payloadType":"a","signatures":[{"sig":"+/8="}]}'
    url_safe = standard.replace(b"+", b"-").replace(b"/", b"_")
    assert Envelope.decode(standard) == Envelope.decode(url_safe)


def test_unknown_fields_are_read_over():
    content = b'{"new":1,"payload":"","payloadType":"a","signatures":[{"sig":"","cert":"x"}]}'
    assert Envelope("a", b"", (Signature("", b""),)) == Envelope.decode(content)


@pytest.mark.parametrize(
    ("content", "offset"),
    [
        (b"", 0),
        (b'{"payload":', 11),
        (b'{"a\xff', 3),
        (b"[]", -1),
        (b"null", -1),
        (b'{"payload":"","payloadType":"a","signatures":[]}', -1),
        (b'{"payload":"","payloadType":1,"signatures":[{"sig":""}]}', -1),
        (b'{"payload":"","payloadType":"\\ud800","signatures":[{"sig":""}]}', -1),
        (b'{"payload":"?","payloadType":"a","signatures":[{"sig":""}]}', -1),
        (b'{"payload":"a","payloadType":"a","signatures":[{"sig":""}]}', -1),
        ('{"payload":"ü","payloadType":"a","signatures":[{"sig":""}]}'.encode(), -1),
        (b'{"payload":"","payloadType":"a","signatures":[{}]}', -1),
        (b'{"payload":"","payloadType":"a","signatures":["x"]}', -1),
        (b"[" * 100_000, -1),
    ],
)
def test_what_is_no_envelope_is_refused_and_says_where(content: bytes, offset: int):
    with pytest.raises(MalformedEnvelope) as caught:
        Envelope.decode(content)
    assert offset == caught.value.offset


def test_a_signature_counts_whatever_key_it_names(tmp_path: Path):
    signer, other = FileSigner(tmp_path / "a.pem"), FileSigner(tmp_path / "b.pem")
    keys = {key.id: key for key in (signer.public, other.public)}
    made = sign("a", b"x", signer)
    lying = Envelope("a", b"x", (Signature(other.public.id, made.signatures[0].sig),))
    assert {signer.public.id} == accepted_keys(made, keys)
    assert {signer.public.id} == accepted_keys(lying, keys)


def test_the_type_is_signed_too(tmp_path: Path):
    signer = FileSigner(tmp_path / "a.pem")
    made = sign("a", b"x", signer)
    keys = {signer.public.id: signer.public}
    assert set() == accepted_keys(Envelope("b", b"x", made.signatures), keys)


def test_the_same_signature_twice_counts_once(tmp_path: Path):
    signer = FileSigner(tmp_path / "a.pem")
    made = sign("a", b"x", signer)
    twice = Envelope("a", b"x", made.signatures * 2)
    assert {signer.public.id} == accepted_keys(twice, {signer.public.id: signer.public})
