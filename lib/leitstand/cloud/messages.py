"""Google's messages as plain data."""

from typing import Any

__all__ = ["as_data", "enum_name"]


def as_data(message: Any) -> dict[str, Any]:
    """Return a message as JSON values in the API's field names, without what is not set."""
    data: dict[str, Any] = type(message).to_dict(
        message,
        use_integers_for_enums=False,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=False,
    )
    return data


def enum_name(value: Any) -> str:
    """Return the name of an enum's value; its number where Google has added it since.

    Source: proto.marshal.rules.enums, which leaves such a value the integer that it is.
    """
    return str(getattr(value, "name", value))
