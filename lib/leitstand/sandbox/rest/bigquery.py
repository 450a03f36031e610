"""BigQuery datasets and who may use them, tables, and the rows that log sinks write.

There is no query engine: rows are read with `tabledata.list`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import grpc

from leitstand.sandbox.errors import ApiError, invalid
from leitstand.sandbox.paging import page
from leitstand.sandbox.rest.bigquery_rows import Rows
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.secret_rules import missing

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Datasets", "TableData", "Tables", "may_write", "table_outputs"]

ID = re.compile(r"[A-Za-z0-9_]{1,1024}")
SITE = "https://bigquery.googleapis.com/bigquery/v2"
# https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets: Google gives these back so.
BASIC_ROLES: Mapping[str, str] = {
    "roles/bigquery.dataOwner": "OWNER",
    "roles/bigquery.dataEditor": "WRITER",
    "roles/bigquery.dataViewer": "READER",
}
PAGE = {"default": 1000, "maximum": 100_000}
WRITING = ("OWNER", "WRITER")
PROJECT_ROLES = ("roles/bigquery.dataEditor", "roles/bigquery.dataOwner", "roles/bigquery.admin")
ENTITIES = (
    "userByEmail", "groupByEmail", "domain", "specialGroup", "iamMember", "view", "routine",
    "dataset",
)  # fmt: skip
DEFAULT_ACCESS: tuple[Mapping[str, str], ...] = (
    {"role": "WRITER", "specialGroup": "projectWriters"},
    {"role": "OWNER", "specialGroup": "projectOwners"},
    {"role": "READER", "specialGroup": "projectReaders"},
)


def may_write(park: Park, dataset: str, member: str) -> bool:
    """Whether a service account may add rows to a dataset, by its access or the project's policy.

    Args:
        park: The sandbox.
        dataset: Full name, `projects/P/datasets/D`.
        member: Such as `serviceAccount:a@example.org`.
    """
    body = park.table("bigquery", "datasets").get(dataset)
    if body is None:
        return False
    email = member.partition(":")[2]
    for entry in body.get("access", ()):
        named = entry.get("userByEmail") == email or entry.get("iamMember") == member
        if named and entry.get("role") in WRITING:
            return True
    project = "/".join(dataset.split("/")[:2])
    return any(member in park.policies.members(project, role) for role in PROJECT_ROLES)


class Datasets(Collection):
    """Datasets with their access entries."""

    api: ClassVar[str] = "bigquery"
    path: ClassVar[str] = "datasets"
    id_from: ClassVar[str] = "datasetReference.datasetId"
    full_name: ClassVar[str] = "projects/{project}/datasets/{dataset}"
    items: ClassVar[str] = "datasets"
    immutable: ClassVar[tuple[str, ...]] = ("datasetReference", "location")
    versioned: ClassVar[str] = "etag"
    by_header: ClassVar[bool] = True

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Ids, and access of accounts that are there."""
        identifier = name.rpartition("/")[2]
        if not ID.fullmatch(identifier):
            raise invalid(
                f'Invalid dataset ID "{identifier}". Dataset IDs must be alphanumeric (plus '
                "underscores) and must be at most 1024 characters long."
            )
        for entry in body.get("access", ()):
            if sum(entity in entry for entity in ENTITIES) != 1:
                raise invalid("Each access entry must name exactly one entity.", "access")
            self._check_account(name, entry.get("userByEmail", ""))

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Outputs, the default access, and roles as Google gives them back."""
        project, identifier = name.split("/")[1], name.rpartition("/")[2]
        now = str(int(time.time() * 1000))
        body.update(
            kind="bigquery#dataset",
            id=f"{project}:{identifier}",
            selfLink=f"{SITE}/{name}",
            datasetReference={"projectId": project, "datasetId": identifier},
            creationTime=before["creationTime"] if before else now,
            lastModifiedTime=now,
            type="DEFAULT",
        )
        body.setdefault("location", "US")
        body["access"] = [
            {**entry, "role": BASIC_ROLES.get(entry["role"], entry["role"])}
            if "role" in entry
            else dict(entry)
            for entry in body.get("access", DEFAULT_ACCESS)
        ]

    def custom(self) -> Mapping[str, Custom]:
        """delete, which may take the tables with it."""
        return {"delete": self._delete}

    async def _delete(self, call: Call) -> Body:
        body = self.table.get(call.name)
        if body is None:
            raise missing(f"Not found: Dataset {_colon(call.name)}")
        tables = self.park.table("bigquery", "tables")
        inside = [name for name in tables if name.startswith(f"{call.name}/tables/")]
        if inside and call.params.get("deleteContents") != "true":
            raise ApiError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"Dataset {body['id']} is still in use",
                "resourceInUse",
            )
        for name in inside:
            del tables[name]
            Rows(self.park.directory, name).remove()
        del self.table[call.name]
        return {}

    def _check_account(self, dataset: str, email: str) -> None:
        """Google refuses service accounts that do not exist; of agents it knows better than we."""
        project = dataset.split("/")[1]
        if email.endswith(f"@{project}.iam.gserviceaccount.com"):
            accounts = self.park.table("iam", "projects.serviceAccounts")
            if f"projects/{project}/serviceAccounts/{email}" not in accounts:
                raise invalid(
                    f"IAM setPolicy failed for Dataset {_colon(dataset)}: Service account {email} "
                    "does not exist."
                )


class Tables(Collection):
    """Tables; log sinks make theirs themselves."""

    api: ClassVar[str] = "bigquery"
    path: ClassVar[str] = "tables"
    id_from: ClassVar[str] = "tableReference.tableId"
    full_name: ClassVar[str] = "projects/{project}/datasets/{dataset}/tables/{table}"
    items: ClassVar[str] = "tables"
    immutable: ClassVar[tuple[str, ...]] = ("tableReference",)
    versioned: ClassVar[str] = "etag"
    by_header: ClassVar[bool] = True

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """The dataset must be there."""
        dataset = name.partition("/tables/")[0]
        if dataset not in self.park.table("bigquery", "datasets"):
            raise missing(f"Not found: Dataset {_colon(dataset)}")
        if not ID.fullmatch(name.rpartition("/")[2]):
            raise invalid(f'Invalid table ID "{name.rpartition("/")[2]}".')

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Outputs."""
        body.update(table_outputs(name, before))

    def custom(self) -> Mapping[str, Custom]:
        """get, which tells when the last row came."""
        return {"get": self._get}

    async def _get(self, call: Call) -> Body:
        body = dict(self.existing(call.name))
        changed = Rows(self.park.directory, call.name).changed_at
        if changed is not None:
            newest = max(int(body["lastModifiedTime"]), int(changed * 1000))
            body["lastModifiedTime"] = str(newest)
        return body

    async def remove(self, name: str, body: Body) -> None:
        """Its rows go too."""
        Rows(self.park.directory, name).remove()


class TableData(Collection):
    """The rows of tables."""

    api: ClassVar[str] = "bigquery"
    path: ClassVar[str] = "tabledata"
    full_name: ClassVar[str] = "projects/{project}/datasets/{dataset}/tables/{table}"

    def custom(self) -> Mapping[str, Custom]:
        """list; rows come from log sinks only."""
        return {"list": self._list}

    async def _list(self, call: Call) -> Body:
        name = call.name
        table = self.park.table("bigquery", "tables").get(name)
        if table is None:
            raise missing(f"Not found: Table {_colon(name)}")
        rows = Rows(self.park.directory, name).read()
        numbers = range(int(call.params.get("startIndex", "0")), len(rows))
        count, given = int(call.params.get("maxResults", "0")), call.params.get("pageToken", "")
        shown, token = page(numbers, lambda number: (number,), count, given, **PAGE)
        schema = table.get("schema", {}).get("fields", [])
        answer: Body = {
            "kind": "bigquery#tableDataList",
            "totalRows": str(len(rows)),
            "rows": [{"f": list(_cells(schema, row))} for row in map(rows.__getitem__, shown)],
        }
        return {**answer, "pageToken": token} if token else answer


def table_outputs(name: str, before: Body | None = None) -> Body:
    """What a table has besides what its maker gives it.

    Args:
        name: Full name of the table.
        before: As it was; None for a new one.
    """
    project, dataset, identifier = name.split("/")[1::2]
    now = str(int(time.time() * 1000))
    return {
        "kind": "bigquery#table",
        "id": f"{project}:{dataset}.{identifier}",
        "selfLink": f"{SITE}/{name}",
        "tableReference": {"projectId": project, "datasetId": dataset, "tableId": identifier},
        "creationTime": before["creationTime"] if before else now,
        "lastModifiedTime": now,
        "type": "TABLE",
    }


def _cells(fields: list[Body], row: Mapping[str, object]) -> Iterator[Body]:
    """The row as BigQuery writes it: cells in the schema's order, values as strings."""
    for field in fields:
        value = row.get(field["name"])
        if isinstance(value, list):
            yield {"v": [{"v": _cell(field, item)} for item in value]}
        else:
            yield {"v": _cell(field, value)}


def _cell(field: Body, value: object) -> object:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {"f": list(_cells(field.get("fields", []), value))}
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _colon(name: str) -> str:
    project, dataset, *table = name.split("/")[1::2]
    return f"{project}:{dataset}" + "".join(f".{one}" for one in table)
