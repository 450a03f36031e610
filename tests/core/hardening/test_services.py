"""Rules of services: where each alone goes red, for ``test_rules``, and where none does."""

from dataclasses import replace

from leitstand.core.hardening import Estate
from tests.core.hardening.estate import DIGEST, changed, healthy, listed, red

FIRST = "template.containers.0"
REPOSITORY = "europe-west3-docker.pkg.dev/leitstand-staging/leitstand"


def _elsewhere() -> Estate:
    image = f"docker.io/library/web@{DIGEST}"
    estate = changed("run.services/web", f"{FIRST}.image", image)
    return replace(estate, images={**(estate.images or {}), image: True})


RED: list[tuple[str, Estate]] = [
    ("web-figures", changed("run.services/web", "scaling.minInstanceCount", 1)),
    ("web-figures", changed("run.services/web", "scaling.maxInstanceCount", 11)),
    ("web-figures", changed("run.services/web", "template.maxInstanceRequestConcurrency", 80)),
    ("web-figures", changed("run.services/web", f"{FIRST}.resources.limits.cpu", "1")),
    ("web-figures", changed("run.services/web", f"{FIRST}.resources.limits.memory", "1Gi")),
    ("worker-figures", changed("run.services/worker", "template.maxInstanceRequestConcurrency", 2)),
    ("worker-figures", changed("run.services/worker", "scaling.minInstanceCount", 0)),
    ("worker-figures", changed("run.services/worker", "scaling.maxInstanceCount", 21)),
    ("background-keeps-its-cpu", changed("run.services/beat", f"{FIRST}.resources.cpuIdle", True)),
    ("beat-exactly-once", changed("run.services/beat", "scaling.maxInstanceCount", 2)),
    ("beat-exactly-once", changed("run.services/beat", "scaling.minInstanceCount", 0)),
    (
        "beat-private",
        changed("run.services/beat", "ingress", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"),
    ),
    ("migrate-job-limits", changed("run.jobs/migrate", "template.template.timeout", "3600s")),
    ("migrate-job-limits", changed("run.jobs/migrate", "template.template.maxRetries", 3)),
    (
        "migrate-only-after-approval",
        listed(
            "cloudscheduler.jobs",
            {
                "name": "nightly",
                "httpTarget": {"uri": "https://run.googleapis.com/v2/x/jobs/migrate:run"},
            },
        ),
    ),
    ("images-by-digest", changed("run.services/web", f"{FIRST}.image", f"{REPOSITORY}/web:1.0.0")),
    (
        "images-signed",
        changed("run.services/web", f"{FIRST}.image", f"{REPOSITORY}/other@{DIGEST}"),
    ),
    ("images-signed", replace(healthy(), images=None)),
    ("images-from-agreed-repository", _elsewhere()),
    (
        "only-web-for-everyone",
        changed("run.policy/litellm", "bindings.0.members", ["allAuthenticatedUsers"]),
    ),
]


def test_scaling_by_hand_to_one_instance_is_exactly_one() -> None:
    scaling = {"scalingMode": "MANUAL", "manualInstanceCount": 1}
    assert set() == red(changed("run.services/beat", "scaling", scaling))


def test_limits_are_compared_as_quantities() -> None:
    limits = {"cpu": "2000m", "memory": "2048Mi"}
    assert set() == red(changed("run.services/web", f"{FIRST}.resources.limits", limits))


def test_a_job_that_states_no_retries_has_three() -> None:
    estate = changed("run.jobs/migrate", "template.template.maxRetries", None)
    assert {"migrate-job-limits"} == red(estate)
