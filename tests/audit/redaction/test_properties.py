import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.audit.redaction import Redactor
from tests.audit.redaction.secrets import samples

SALT = bytes(16)
SAMPLES = samples(each=1)
KNOWN = [sample.secret for sample in SAMPLES if sample.known]
SHARDS = (
    *(sample.line for sample in SAMPLES), *KNOWN, "password=", '"token": ', "'", '"', "\\", "\n",
    "[geheim:0123abcd]", "[geheim:", "<td>", "</td>", "<b>", "&amp;", "&#", "\x1b[31m", "://", "@",
    "sk-", "eyJ", "-----BEGIN PRIVATE KEY-----", " ", "İ", "\x00", "\ud800", "Bearer ",
)  # fmt: skip
PLAIN = st.lists(st.one_of(st.sampled_from(SHARDS), st.text(max_size=8)), max_size=7).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=6,
)
SOME = settings(max_examples=120, deadline=None)


def redactor() -> Redactor:
    return Redactor(KNOWN, salt=SALT)


@SOME
@given(PLAIN)
def test_masking_again_changes_nothing(text):
    masking = redactor()
    for once in (masking.text, masking.html):
        assert once(text) == once(once(text))


@SOME
@given(PLAIN)
def test_masking_is_the_same_every_time_in_a_run(text):
    assert redactor().text(text) == redactor().text(text)


@SOME
@given(PLAIN)
def test_no_known_value_is_left(text):
    masking = redactor()
    for masked in (masking.text(text), masking.html(text)):
        assert [] == [value for value in KNOWN if value in masked]


def shape(value: object) -> object:
    if isinstance(value, dict):
        return [shape(item) for item in value.values()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return ""


@SOME
@given(JSON)
def test_data_keeps_its_shape(value):
    assert shape(value) == shape(redactor().data(value))


@SOME
@given(JSON)
def test_json_stays_json_as_text(value):
    json.loads(redactor().text(json.dumps(value)))


@pytest.mark.parametrize("value", [{"password=": None, "": 1}, ["password='", "'"]])
def test_json_stays_json_where_a_pair_seems_to_cross_two_texts(value):
    assert shape(value) == shape(json.loads(redactor().text(json.dumps(value))))


def test_keys_that_carry_one_secret_in_two_forms_stay_two_keys():
    secret = "q7Wz-4kLm_9XyT2vB8nR"
    masked = Redactor([secret], salt=SALT).data({secret: 1, secret.encode().hex(): 2})
    assert [1, 2] == list(masked.values())


def test_images_and_other_binary_data_stay_untouched():
    data = {"image/png": "AKIAABCDEFGHIJKLMNOP", "application/pdf": "sk-abc123abc123abc123"}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    assert output == redactor().notebook_output(output)


def test_a_column_of_personal_data_is_masked_in_the_table_and_in_its_text():
    table = (
        "<table><tr><th>id</th><th>Nachname</th></tr><tr><td>1</td><td>Mustermann</td></tr></table>"
    )
    data = {"text/plain": "id Nachname\n1 Mustermann", "text/html": table}
    output = {"output_type": "execute_result", "metadata": {}, "data": data, "execution_count": 1}
    masked = redactor().notebook_output(output)
    assert "Mustermann" not in str(masked)
    assert "Nachname" in str(masked)


def test_the_addresses_of_operator_and_approver_stay_readable():
    masking = Redactor(salt=SALT, visible=["anna@firma.de"])
    shown, other = masking.text("anna@firma.de otto@firma.de").split()
    assert ("anna@firma.de", True) == (shown, other.startswith("[geheim:"))


HOSTILE = {
    "log": "2026-11-26T05:00:00Z web-00042-abc INFO GET /healthz 200 key=17 token\n",
    "many secrets": "password=Hunter2xyz1\n",
    "one word": "a",
    "addresses": "postgres://:",
    "quotes": 'password="\\',
    "tokens": "eyJabc",
    "keys": "-----BEGIN PRIVATE KEY-----\n",
    "tags": '<a "',
    "comments": "<!--",
    "npm": "//a/:_authToken",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_grows_with_the_length_only(name):
    def seconds(size: int) -> float:
        text = HOSTILE[name] * (size // len(HOSTILE[name]))
        masking = redactor()
        started = time.process_time()
        masking.text(text)
        masking.html(text)
        return time.process_time() - started

    seconds(1_000)
    small, large = seconds(25_000), seconds(200_000)
    assert large < 24 * small + 0.3  # 8 times the text; quadratic would be 64 times
