"""The load of a drill: visitors that the sandbox hosts, and the moment in which all was well."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from leitstand.core.cut_over import pinned_version
from leitstand.core.drilling.types import LoadFigures
from leitstand.core.errors import RunFailed
from leitstand.drills.drill import Mix
from leitstand.drills.loss import tenants_of
from leitstand.drills.scene import Scene

__all__ = [
    "BASELINE_SECONDS",
    "NotHealthy",
    "await_requests",
    "begin_load",
    "calm_seconds",
    "gateway_key",
    "wait_until_calm",
]

BASELINE_SECONDS = 5.0
"""So long all is well before the fault, so that Monitoring has a before."""
_PATIENCE_SECONDS = 40.0
_LOOK_SECONDS = 0.5
_GATEWAY, _KEY = "litellm", "litellm-master-key"


class NotHealthy(RunFailed):
    """The application fails without any fault of a drill."""

    def __init__(self, kinds: list[str]) -> None:
        super().__init__(
            f"Schon vor der Übung gelingen nicht alle Anfragen ({', '.join(kinds) or 'keine'}).",
            "Sehen Sie mit leitstand run incident nach, oder beginnen Sie mit"
            " leitstand sandbox reset neu.",
        )
        self.kinds = kinds


def begin_load(scene: Scene, mix: Mix) -> dict[str, Any]:
    """Let visitors come, to the application and where there is one to the gateway.

    Raises:
        LeitstandError: tenants or the gateway's key cannot be read.
        Refused: there are visitors already.
    """
    balancer = scene.environment.load_balancer
    orders: dict[str, Any] = {
        "host": balancer.domain,
        "tenants": tenants_of(scene),
        "token": secrets.token_hex(4),
        "rate": mix.rate,
    }
    litellm = scene.environment.litellm
    if mix.chat_rate and _GATEWAY in scene.environment.services and litellm.access == "iap_group":
        orders |= {
            "gui_host": balancer.gui_domain,
            "chat_rate": mix.chat_rate,
            "key": gateway_key(scene),
            "principal": f"group:{litellm.iap_group}",
        }
    return scene.sandbox.start_visits(**orders)


def wait_until_calm(look: Callable[[], Mapping[str, Any]], *, seconds: float) -> Mapping[str, Any]:
    """Wait until every kind of request has succeeded and none fails for a while.

    Args:
        look: Gives the figures of the visitors.
        seconds: How long none may fail.

    Returns:
        The figures of that moment.

    Raises:
        NotHealthy: that moment did not come within forty seconds.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        report = look()
        if calm_seconds(report) >= seconds:
            return report
        if time.monotonic() > deadline:
            raise NotHealthy(
                [name for name, kind in report.get("kinds", {}).items() if _ails(kind)]
            )
        time.sleep(_LOOK_SECONDS)


def calm_seconds(report: Mapping[str, Any]) -> float:
    """Return for how long no request has failed; 0 before every kind has succeeded once."""
    kinds = report.get("kinds", {}).values()
    if not kinds or any(kind["last_ok"] is None for kind in kinds):
        return 0.0
    last = LoadFigures.of(report).last_error
    return float(report["now"] - max(report["began"], last or 0.0))


def await_requests(scene: Scene, count: int, *, at_least: float, at_most: float) -> None:
    """Wait until visitors have asked so often since now.

    Where no visitors come, nothing is waited for.

    Args:
        scene: Where.
        count: Requests that ended, one way or the other.
        at_least: Seconds to wait in any case.
        at_most: Seconds after which it is enough.
    """
    before, began = LoadFigures.of(scene.sandbox.visits()).sent, time.monotonic()
    while (report := scene.sandbox.visits())["running"]:
        waited = time.monotonic() - began
        enough = LoadFigures.of(report).sent - before >= count and waited >= at_least
        if enough or waited >= at_most:
            return
        time.sleep(_LOOK_SECONDS)


def gateway_key(scene: Scene) -> str:
    """Return the master key that the gateway runs with; empty where it has none. Read-only.

    Raises:
        LeitstandError: it cannot be read.
    """
    template = scene.run.service(scene.environment.service_name(_GATEWAY)).template
    version = pinned_version(template, _KEY)
    name = f"projects/{scene.project}/secrets/{_KEY}"
    return scene.secrets.value(name, version) if version else ""


def _ails(kind: Mapping[str, Any]) -> bool:
    return kind["last_ok"] is None or bool(kind["errors"] or kind["unanswered"])
