"""Names in ``${…}``, and keys as REST writes them."""

import pytest

from leitstand.core.expansion import UnknownKey, camel_case, expand

KNOWN = {"project": "p", "langfuse": {"rate": 0.05, "masking": True, "tenants": {"a": 1}}}

TEXTS = [
    ("a plain text stays", "text", "text"),
    ("a key becomes its value", "web@${project}.example", "web@p.example"),
    ("a dotted key is looked up", "${langfuse.rate}", "0.05"),
    ("a truth value is written as JSON", "${langfuse.masking}", "true"),
    ("a mapping is written as JSON", "${langfuse.tenants}", '{"a": 1}'),
    ("a reference to a resource stays", "${compute.networks/main}", "${compute.networks/main}"),
    ("an output stays", "${a.b/c#d.0}", "${a.b/c#d.0}"),
    ("a secret stays", "${secret:x/1}", "${secret:x/1}"),
    ("what a person brings stays", "${operator}", "${operator}"),
]


@pytest.mark.parametrize(("text", "expected"), [t[1:] for t in TEXTS], ids=[t[0] for t in TEXTS])
def test_a_text_is_expanded(text: str, expected: str) -> None:
    assert expected == expand(text, KNOWN)


def test_keys_and_nested_values_are_expanded() -> None:
    assert {"p": [{"a": "p"}]} == expand({"${project}": [{"a": "${project}"}]}, KNOWN)


def test_a_misspelt_key_is_refused_with_its_name() -> None:
    with pytest.raises(UnknownKey, match=r"langfuse\.ratte"):
        expand("${langfuse.ratte}", KNOWN)


def test_keys_are_written_as_rest_writes_them() -> None:
    written = {"ip_cidr_range": 1, "IPProtocol": 2, "a": [{"b_c": 3}], "_x": 4}
    assert {"ipCidrRange": 1, "IPProtocol": 2, "a": [{"bC": 3}], "X": 4} == camel_case(written)


@pytest.mark.parametrize("name", ["labels", "redis_configs", "attribute_mapping"])
def test_keys_that_are_data_stay(name: str) -> None:
    (written,) = camel_case({name: {"a_b": 1}}).values()
    assert {"a_b": 1} == written
