"""What runs, and what it reads: pure, from the APIs' JSON."""

import re
from typing import Any

from leitstand.audit.index import RunEntry
from leitstand.execution.triage.changes import _STATUS
from leitstand.execution.triage.services import Estate, pinned_by

PREFIX = "projects/p/locations/r/services"


def service(**percents: int) -> dict[str, Any]:
    shares = [{"revision": name, "percent": percent} for name, percent in percents.items()]
    return {"trafficStatuses": shares}


def revision(service: str, name: str) -> dict[str, Any]:
    return {"name": f"{PREFIX}/{service}/revisions/{name}"}


def test_revisions_with_traffic_that_are_not_among_the_newest_are_missing() -> None:
    services = {
        "web": service(r9=90, r1=10, r0=0),
        "worker": service(r9=100),
        "beat": {"trafficStatuses": [{"percent": 100}]},  # it never had a revision that was ready
    }
    estate = Estate(services, (revision("web", "r9"), revision("worker", "r8")))
    assert [("web", "r1"), ("worker", "r9")] == estate.missing


def test_secrets_are_read_in_variables_and_in_volumes() -> None:
    reference = {"secret": "projects/p/secrets/url", "version": "3"}
    template = {
        "containers": [{"env": [{"name": "URL", "valueSource": {"secretKeyRef": reference}}]}],
        "volumes": [
            {"name": "a", "secret": {"secret": "key", "items": [{"path": "k", "version": "2"}]}},
            {"name": "b", "secret": {"secret": "ca"}},
            {"name": "c", "emptyDir": {}},
        ],
    }
    assert {"url": "3", "key": "2", "ca": "latest"} == pinned_by(template)


def test_every_status_of_a_run_has_words() -> None:
    told = str(RunEntry.__doc__).partition("status:")[2].partition("exit_code:")[0]
    assert set(re.findall(r"``(\w+)``", told)) == set(_STATUS)
