"""Plans and environments for tests of predictions."""

from typing import Any

from leitstand.core.plan import Action, Plan
from leitstand.core.predictions.words import Words

THEIRS = Words(
    {
        "repository": "europe-west3-docker.pkg.dev/shop-staging/apps",
        "repository_name": "projects/shop-staging/locations/europe-west3/repositories/apps",
        "project": "shop-prod",
        "number": "987654321012",
        "domain": "app.example.com",
        "gui_domain": "llm.example.com",
        "zone": "example.com",
    }
)
OURS = Words(
    {
        "repository": "europe-west3-docker.pkg.dev/leitstand-sandbox/leitstand",
        "repository_name": "projects/leitstand-sandbox/locations/us-east1/repositories/leitstand",
        "project": "leitstand-sandbox",
        "number": "100000000001",
        "domain": "app.sandbox.example",
        "gui_domain": "llm.sandbox.example",
        "zone": "sandbox.example",
    }
)
DIGEST = "sha256:" + "1a2b3c4d" * 8


def release(
    words: Words,
    *,
    stable: str = "web-00007-aaaa1111",
    generation: int = 8,
    digest: str = DIGEST,
    etag: str = '"1"',
    stages: tuple[int, ...] = (10, 100),
) -> Plan:
    """A release as it is planned in an environment of these names."""
    project = words.names["project"]
    service = f"projects/{project}/locations/europe-west3/services/web"
    made = f"web-{generation:05d}-{digest.partition(':')[2][:8]}"
    template: dict[str, Any] = {
        "revision": made,
        "service_account": f"run-web@{project}.iam.gserviceaccount.com",
        "containers": [{"image": f"{words.names['repository']}/web@{digest}"}],
        "annotations": {"leitstand.dev/schema-min": "1"},
    }

    def split(percent: int) -> list[dict[str, Any]]:
        old = [{"revision": stable, "percent": 100 - percent, "tag": ""}]
        return [*(old if percent < 100 else []), {"revision": made, "percent": percent, "tag": "c"}]

    deploy = {"revision": made, "template": template, "traffic": split(0)}
    return Plan(
        runbook="release",
        environment="prod",
        target=service,
        basis={"etag": etag, "stable": stable, "candidate": made},
        actions=(
            Action("candidate", "deploy_revision", service, deploy),
            *(
                Action(f"traffic-{n}", "set_traffic", service, {"traffic": split(n), "etag": etag})
                for n in stages
            ),
        ),
        way_back=(
            Action(
                "back",
                "set_traffic",
                service,
                {"traffic": [{"revision": stable, "percent": 100, "tag": ""}]},
            ),
        ),
    )
