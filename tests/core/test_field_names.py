"""Field names as a discovery document writes them."""

from typing import Any

import pytest

from leitstand.core.field_names import FieldTwice, camel

SCHEMAS: dict[str, Any] = {
    "Thing": {
        "type": "object",
        "properties": {
            "sizeGb": {"type": "integer"},
            "IPProtocol": {"type": "string"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "policies": {"type": "object", "additionalProperties": {"$ref": "Part"}},
            "parts": {"type": "array", "items": {"$ref": "Part"}},
            "anything": {"type": "any"},
        },
    },
    "Part": {"type": "object", "properties": {"keepCount": {"type": "integer"}}},
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"size_gb": 1}, {"sizeGb": 1}),
        ({"sizeGb": 1, "IPProtocol": "TCP"}, {"sizeGb": 1, "IPProtocol": "TCP"}),
        ({"ip_protocol": "TCP"}, {"IPProtocol": "TCP"}),
        ({"parts": [{"keep_count": 1}]}, {"parts": [{"keepCount": 1}]}),
        ({"labels": {"a_b": "c_d"}}, {"labels": {"a_b": "c_d"}}),
        ({"policies": {"a_b": {"keep_count": 1}}}, {"policies": {"a_b": {"keepCount": 1}}}),
        ({"anything": {"a_b": 1}}, {"anything": {"a_b": 1}}),
        ({"not_there": {"a_b": 1}}, {"notThere": {"aB": 1}}),
        ({"parts": "${a.b/c_d#e_f}"}, {"parts": "${a.b/c_d#e_f}"}),
    ],
)
def test_keys_are_written_as_the_document_does_and_data_stays(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert expected == camel(given, SCHEMAS, "Thing")


def test_two_spellings_of_one_field_are_refused() -> None:
    with pytest.raises(FieldTwice, match="„sizeGb“"):
        camel({"size_gb": 1, "sizeGb": 2}, SCHEMAS, "Thing")
