"""Google's messages as plain data."""

from typing import Any

__all__ = ["as_data"]


def as_data(message: Any) -> dict[str, Any]:
    """Return a message as JSON values in the API's field names, without what is not set."""
    data: dict[str, Any] = type(message).to_dict(
        message,
        use_integers_for_enums=False,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=False,
    )
    return data
