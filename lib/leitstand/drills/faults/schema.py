"""A migration that takes away what the running code needs."""

import copy
from typing import Any

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.deploying import NotDeployed, await_operation, image_of
from leitstand.drills.drill import Drill
from leitstand.drills.loss import tenants_of
from leitstand.drills.probing import ask
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_JOB, _IMAGE, _SERVICE = "migrate", "web:2.1.0", "web"
_ASKED = 5
_RESTORED = "UPDATE documents SET pages = page_count WHERE pages = 0 AND page_count <> 0"


def _inject(scene: Scene) -> None:
    """Run the migrate job of an image that no service runs yet; nobody asked a runbook."""
    from leitstand.cloud.jobs import CloudRunJobs

    template = copy.deepcopy(
        dict(CloudRunJobs(scene.connection).job(scene.environment.job_name(_JOB)).template)
    )
    scene.state.note("template", template)
    scene.state.note("migrations", _applied(scene))
    scene.state.note("instance", scene.database.instance)
    changed = copy.deepcopy(template)
    image_of(scene, _IMAGE, annotated=False)(changed["template"])
    _set_job(scene, changed)
    _run_job(scene, "migrate")


def _recovered(scene: Scene) -> bool:
    """Whether fresh requests that read documents are answered."""
    headers = {"X-Tenant": next(iter(tenants_of(scene, most=1)), "")}
    replies = ask(scene, _SERVICE, "/api/documents", _ASKED, headers=headers)
    return all(status == 200 for status, _ in replies)


def _clean(scene: Scene) -> None:
    """Take the migrations back, unless all running code has come to terms with the schema since.

    The numbers of pages come back from the newer column. An index of the newer schema is gone
    again; rows that were added meanwhile stay.
    """
    template, migrations = scene.state.noted("template"), scene.state.noted("migrations")
    if template is None:
        return
    same_place = scene.database.instance == scene.state.noted("instance")
    if same_place and _applied(scene) != migrations and not _fits(scene):
        changed = copy.deepcopy(template)
        image_of(scene, _IMAGE, annotated=False)(changed["template"])
        _set_job(scene, changed)
        _run_job(scene, "migrate", "documents", "0003")
        _restore_pages(scene)
        for app, name in migrations.items():
            _run_job(scene, "migrate", app, name)
    _set_job(scene, template)


def _applied(scene: Scene) -> dict[str, str]:
    """Return the newest migration by application."""
    from leitstand.database.connection import connect
    from leitstand.database.schema import latest_migrations

    with connect(scene.administrator_url, autocommit=True) as connection:
        return {found.app: found.name for found in latest_migrations(connection)}


def _fits(scene: Scene) -> bool:
    """Return whether every revision with traffic understands the schema as it is now."""
    from leitstand.core.schema import schema_version

    database = scene.environment.database
    assert database is not None
    live = schema_version([_applied(scene)[database.schema_app]])
    service = scene.run.service(scene.environment.service_name(_SERVICE))
    for status in service.statuses:
        known = scene.run.revision(service.name, status.revision).schema
        if status.percent and known is not None and not known.minimum <= live <= known.maximum:
            return False
    return True


def _restore_pages(scene: Scene) -> None:
    from psycopg import sql

    from leitstand.database.connection import connect

    database, tenancy = scene.environment.database, scene.environment.tenancy
    assert database is not None
    with connect(scene.administrator_url, read_only=False) as connection:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(database.roles[0])))
        connection.execute(
            "SELECT set_config(%s, 'on', true), set_config('row_security', 'on', true)",
            (tenancy.migration_setting,),
        )
        connection.execute(_RESTORED)


def _set_job(scene: Scene, template: dict[str, Any]) -> None:
    from leitstand.cloud.jobs import CloudRunJobs

    jobs, name = CloudRunJobs(scene.connection), scene.environment.job_name(_JOB)
    if dict(jobs.job(name).template) == template:
        return
    problem = await_operation(scene, _JOB, jobs.start_update(name, template))
    if problem:
        raise NotDeployed(_JOB, problem)


def _run_job(scene: Scene, *args: str) -> None:
    from leitstand.notebook.sandbox_jobs import run_migrate_job

    problem = run_migrate_job(scene.connection, args)
    if problem:
        raise NotDeployed(_JOB, problem)


DRILLS = (
    Drill(
        name="destructive-migration",
        title="Seit eben nur noch Fehler",
        story=(
            "Der Alarm meldet: Alles, was Dokumente liest oder schreibt, endet seit einer Minute"
            " mit einem Fehler 500. Die Startseite geht. Ein Release der Anwendung gab es heute"
            " keines."
        ),
        cause=Cause.INCOMPATIBLE_SCHEMA,
        treatments=("rollback",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
