"""Where resources of each kind lie in the REST APIs; checked against the discovery documents."""

from leitstand.core.kinds import Kind

__all__ = [
    "api_of",
    "create_path",
    "delete_path",
    "encoded",
    "found_by_query",
    "operation_path",
    "resource_path",
    "update_path",
]

_SERVICE_PATHS = {"compute": "compute/v1", "dns": "dns/v1", "bigquery": "bigquery/v2",
                  "storage": "storage/v1"}  # fmt: skip


def api_of(kind: Kind) -> str:
    """Return the host of a kind's API without ``.googleapis.com``."""
    return kind.api.partition(".")[0]


def resource_path(kind: Kind, name: str) -> str:
    """Return the path of a resource."""
    return f"{_root(kind)}/{name}"


def create_path(kind: Kind, id: str, name: str, project: str) -> tuple[str, str]:
    """Return method and path of a creation."""
    if kind.name == "pubsub.topics":
        return "PUT", resource_path(kind, name)  # it alone is made under its own name
    up = 2 if kind.name == "dns.resourceRecordSets" else 1
    parent = name.rsplit("/", up)[0]
    if kind.create == "addVersion":
        return "POST", f"{_root(kind)}/{parent.rpartition('/')[0]}:addVersion"
    query = {key: value.format(project=project) for key, value in kind.create_query.items()}
    if kind.id_parameter:
        query[kind.id_parameter] = id.rpartition("/")[2]
    asked = "&".join(f"{key}={encoded(value)}" for key, value in query.items())
    return "POST", f"{_root(kind)}/{parent}" + (f"?{asked}" if asked else "")


def update_path(kind: Kind, name: str, paths: tuple[str, ...]) -> tuple[str, str]:
    """Return method and path of a change of the fields at ``paths``."""
    here = resource_path(kind, name)
    if kind.update == "enable":
        return "POST", f"{here}:enable"
    if kind.update == "setSecurityPolicy":
        return "POST", f"{here}/setSecurityPolicy"
    if kind.update == "update":
        return "PUT", here
    # A wrapped body has the mask beside it.
    asked = f"?updateMask={','.join(paths)}" if kind.masked and not kind.wrapper else ""
    return "PATCH", f"{here}{asked}"


def delete_path(kind: Kind, name: str) -> str:
    """Return the path of a deletion."""
    if kind.name == "sql.users":  # its path does not name it
        parent, _, user = name.rpartition("/")
        return f"{_root(kind)}/{parent}?name={encoded(user)}"
    return resource_path(kind, name)


def found_by_query(kind: Kind, name: str) -> str:
    """Return the path of the list in which a resource is looked up by the id that we gave it."""
    parent, _, short = name.rpartition("/")
    field = kind.found_by.replace("userLabels", "user_labels")
    return f"{_root(kind)}/{parent}?filter=" + encoded(f'{field}="{short}"')


def operation_path(api: str, operation: str) -> str:
    """Return the path of an operation of ``run``, ``sqladmin`` or another API of Google."""
    versions = {"run": "v2", "redis": "v1", "sqladmin": "v1"}
    return f"{_SERVICE_PATHS.get(api, versions.get(api, 'v1'))}/{operation}"


def encoded(value: str) -> str:
    """Return a value of a query, percent-encoded: RFC 3986, sections 2.1 and 2.3."""
    return "".join(
        letter
        if letter.isascii() and (letter.isalnum() or letter in "-._~")
        else "".join(f"%{byte:02X}" for byte in letter.encode())
        for letter in value
    )


def _root(kind: Kind) -> str:
    api, _, version = kind.api.partition(".")
    return _SERVICE_PATHS.get(api, version)
