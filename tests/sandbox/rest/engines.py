"""An engine over a small collection, asked as the HTTP side asks it."""

import asyncio
import json
from typing import ClassVar
from urllib.parse import parse_qsl

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.rest.collection import Collection
from leitstand.sandbox.rest.engine import Engine, Request
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.store import Store

PROJECT = "leitstand-sandbox"
NETWORKS = f"compute/v1/projects/{PROJECT}/global/networks"
CONNECTORS = f"v1/projects/{PROJECT}/locations/europe-west3/connectors"


class Networks(Collection):
    """compute.networks; a settle waits for `gate`, and fails for a description that says so."""

    api = "compute"
    path = "networks"
    operations = "compute"
    full_name = "projects/{project}/global/networks/{network}"
    immutable = ("autoCreateSubnetworks",)
    started: ClassVar[list[str]] = []

    def __init__(self, park):
        super().__init__(park)
        self.gate = asyncio.Event()
        self.gate.set()

    def check(self, name, body, before):
        if body.get("mtu", 1460) > 9000:
            raise invalid("Invalid value for field 'resource.mtu'", "mtu")

    def complete(self, name, body, before):
        body["selfLink"] = self.park.link(name)
        body["id"] = before["id"] if before else 17

    async def settle(self, name, body, before):
        await self.gate.wait()
        if body.get("description") == "fails":
            raise invalid("It does not work.")

    async def remove(self, name, body):
        if body.get("description") == "in use":
            raise invalid("It is in use.")
        await self.gate.wait()

    async def start(self):
        self.started.extend(self.table)

    def custom(self):
        return {"switchToCustomMode": self._switch}

    async def _switch(self, call):
        if call.name not in self.table:
            raise invalid(f"{call.name} is not there")
        self.table[call.name] = {**self.table[call.name], "autoCreateSubnetworks": False}
        return {}


class Connectors(Collection):
    """vpcaccess.projects.locations.connectors."""

    api = "vpcaccess"
    path = "projects.locations.connectors"
    operations = "google"
    id_from = "connectorId"
    full_name = "projects/{project}/locations/{location}/connectors/{connector}"


class Sinks(Collection):
    """logging.projects.sinks."""

    api = "logging"
    path = "projects.sinks"
    full_name = "projects/{project}/sinks/{sink}"


class Topics(Collection):
    """pubsub.projects.topics."""

    api = "pubsub"
    path = "projects.topics"
    full_name = "projects/{project}/topics/{topic}"
    wrapped = "topic"


class Pools(Collection):
    """iam.projects.locations.workloadIdentityPools, which have operations of their own."""

    api = "iam"
    path = "projects.locations.workloadIdentityPools"
    operations = "google"
    id_from = "workloadIdentityPoolId"
    full_name = "projects/{project}/locations/{location}/workloadIdentityPools/{pool}"


KINDS = (Networks, Connectors, Sinks, Topics, Pools)


class Asking:
    """An engine, and requests to it."""

    def __init__(self, directory, kinds=KINDS):
        self.store = Store(directory)
        self.park = Park(self.store, directory, PROJECT, "europe-west3")
        self.faults = Faults()
        self.rpc = Rpc({}, {}, frozenset({PROJECT, "-"}), self.faults)
        self.kinds = {}
        self._types = kinds
        self.engine = Engine(self.store, self.park, self.rpc, self._make)

    def _make(self, api, park):
        self.kinds |= {kind.path: kind(park) for kind in self._types if kind.api == api}
        return {path: kind for path, kind in self.kinds.items() if kind.api == api}

    async def ask(self, http, path, body=None, api="compute"):
        path, _, query = path.partition("?")
        content = b"" if body is None else json.dumps(body).encode()
        return await self.engine.answer(Request(http, api, path, parse_qsl(query), content))

    async def waited(self, operation):
        """The operation when it is done."""
        scope = operation["selfLink"].partition("/compute/v1/")[2]
        return await self.ask("POST", f"compute/v1/{scope}/wait")
