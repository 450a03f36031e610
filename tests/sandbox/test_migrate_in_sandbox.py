"""Everything together: a Cloud SQL instance, the migrate job, and a service on its database."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import logging_v2, run_v2

from leitstand.sandbox import control
from leitstand.sandbox.images.app.sample_tenants import tenant_id
from tests.fixtures.cloud_sql import SEED, URL
from tests.sandbox.batching import IMAGE, JOB, done, job
from tests.sandbox.supervised import PROJECT, WEB, client

DATABASE_URL = {
    "name": "DATABASE_URL",
    "value_source": {"secret_key_ref": {"secret": URL.rpartition("/")[2], "version": "1"}},
}
SERVICE = {
    "name": WEB,
    "scaling": {"min_instance_count": 1},
    "template": {"containers": [{"image": f"{IMAGE}:1.0.0", "env": [DATABASE_URL]}]},
}
MIGRATE = {
    "name": JOB,
    **job("migrate", command=("python", "manage.py"), env=(DATABASE_URL,), timeout="900s",
          max_retries=1),
}  # fmt: skip


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[control.Sandbox]:
    seed = {
        **SEED,
        "services": [SERVICE],
        "jobs": [MIGRATE],
        "load_balancer": {"domain": "app.sandbox.example", "service": WEB},
    }
    started = control.start(tmp_path / "sandbox", seed, lifeline=True, timeout=40)
    try:
        yield started
    finally:
        started.stop()


def page(sandbox: control.Sandbox, path: str) -> Any:
    headers = {"X-Tenant": str(tenant_id(1))}
    with urllib.request.urlopen(
        urllib.request.Request(sandbox.public + path, headers=headers)
    ) as a:
        return json.loads(a.read())


def test_a_service_serves_the_database_that_the_job_migrated(sandbox: control.Sandbox) -> None:
    jobs = client(sandbox, run_v2.JobsClient)
    sample = {"container_overrides": [{"args": ["load_sample", "--documents", "10"]}]}
    before = page(sandbox, "/healthz")["schema"]["documents"]

    migrated = done(jobs.run_job(name=JOB))
    done(jobs.run_job({"name": JOB, "overrides": sample}))

    assert before == 0
    assert migrated.succeeded_count == 1
    assert page(sandbox, "/smoke")["schema"]["documents"] == 1
    assert len(page(sandbox, "/api/documents")["dokumente"]) == 10
    logs = client(sandbox, logging_v2.services.logging_service_v2.LoggingServiceV2Client)
    entries = logs.list_log_entries(
        {
            "resource_names": [f"projects/{PROJECT}"],
            "filter": 'resource.type="cloud_run_job" AND jsonPayload.event="migration.done"',
        }
    )
    assert "documents.0001_initial" in [entry.json_payload["migration"] for entry in entries]
