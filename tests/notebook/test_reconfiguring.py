"""The runbooks that change one variable of a service, as far as they need no service."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from leitstand.core.errors import RunFailed
from leitstand.core.plan import Plan
from leitstand.core.service import ServiceState
from leitstand.core.traffic import Share, Split
from leitstand.notebook.litellm_quota import LitellmQuota, QuotaTooHigh
from leitstand.notebook.maintenance_mode import MaintenanceMode
from leitstand.notebook.reconfiguring import Checked, Observed
from leitstand.notebook.run import Run
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.template import read_template
from tests.cloud.scripted import Scripted, scripted

RUNBOOKS = Path(__file__).parents[2] / "runbooks"


@pytest.fixture
def application() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


def opened(runbook: str, directory: Path, application: Scripted) -> Run:
    connection = application.connection
    return Run(
        RunDirectory(directory),
        read_template(RUNBOOKS / f"{runbook}.ipynb"),
        connection.environment,
        {"apply": False, "ticket": ""},
        connection,
        "test",
    )


def service(name: str, uri: str = "") -> ServiceState:
    split = Split.of(Share(f"{name}-1", 100))
    full = f"projects/p/locations/r/services/{name}"
    return ServiceState(full, "e", 1, True, split, (), f"{name}-1", uri)


ANSWERS = [
    (True, 503, True),
    (True, 200, False),
    (False, 200, True),
    (False, 302, True),
    (False, 399, True),
    (False, 400, False),
    (False, 503, False),
]


@pytest.mark.parametrize(("on", "status", "good"), ANSWERS)
def test_without_the_page_any_page_or_redirect_is_good_and_with_it_only_503_is(
    on: bool, status: int, good: bool, tmp_path: Path, application: Scripted
) -> None:
    application.answers.append((status, {}))
    maintenance = MaintenanceMode(opened("maintenance_mode", tmp_path, application), on=on)
    web = service("web", application.address)
    if good:
        maintenance.prove(web)
    else:
        wanted = "503" if on else "200 bis 399"
        with pytest.raises(RunFailed, match=f"antwortet mit {status} statt {wanted}"):
            maintenance.prove(web)


def test_more_than_the_upstream_grants_is_refused(tmp_path: Path, application: Scripted) -> None:
    run = opened("litellm_quota", tmp_path, application)
    most = run.environment.litellm.rate_limit_maximum
    with pytest.raises(QuotaTooHigh) as refused:
        LitellmQuota(run, requests_per_minute=most + 1)
    assert (most + 1, most) == (refused.value.wanted, refused.value.most)


def planned(runbook: LitellmQuota, run: Run, limit: str) -> tuple[Plan, str]:
    """The plan for a service with this limit, and what an operator sees of it."""
    variable = run.environment.litellm.rate_limit_variable
    template = {"containers": [{"env": [{"name": variable, "value": limit}]}]}
    litellm = service("litellm")
    with redirect_stdout(io.StringIO()) as shown:
        plan = runbook.plan(Checked(Observed(litellm, "litellm-1", template, limit)))
    return plan, shown.getvalue()


def test_the_plan_tells_the_new_limit_and_what_the_way_back_restores(
    tmp_path: Path, application: Scripted
) -> None:
    run = opened("litellm_quota", tmp_path, application)
    quota = run.environment.litellm.rate_limit_quota
    plan, shown = planned(LitellmQuota(run, requests_per_minute=0), run, "7")
    restored = plan.action("template").arguments["revision"]
    assert f"an: {quota} Anfragen je Minute." in shown
    assert f"Legt {restored} ohne Verkehr als Vorlage an: 7 Anfragen je Minute." in shown
