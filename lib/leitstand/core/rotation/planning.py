"""The plans of a rotation: adopt a new version, and disable the old ones."""

import hashlib
from collections.abc import Mapping
from typing import Any

from leitstand.core.cut_over import with_version
from leitstand.core.plan import Action, Plan
from leitstand.core.rotation.situation import Situation, Spare
from leitstand.core.rotation.types import JobReader, ServiceReader
from leitstand.core.traffic import Share, Split

__all__ = ["RUNBOOK", "plan_rotation"]

RUNBOOK = "rotate_secret"


def plan_rotation(
    situation: Situation, *, environment: str, project: str, tag: str, disable_old: bool
) -> Plan:
    """Return what is to be done with a secret now.

    A version in use that somebody has disabled is enabled, and nothing else: no reader can start
    without it, and a new version could not be adopted either.
    While the last rotation is not over (an older version can still be read) and no further one is
    due, only what nobody needs is disabled; otherwise the secret gets a new version.

    Args:
        situation: What was observed.
        environment: Name of the environment.
        project: Id of the project.
        tag: Under which candidates are reachable before they have traffic.
        disable_old: Whether old versions are disabled at all.
    """
    if situation.disabled_in_use:
        return _enabling(situation, environment, project)
    finish = situation.unfinished() and disable_old and not situation.due
    if finish and not (situation.source == "pending" and situation.pending):
        return _disabling(situation, environment, project)
    return _Rotation(situation, project, tag).plan(environment, disable_old=disable_old)


def _enabling(situation: Situation, environment: str, project: str) -> Plan:
    """Return the plan that enables the versions in use."""

    def state(verb: str, wanted: str) -> tuple[Action, ...]:
        return tuple(
            Action(
                f"{verb}-{secret}-{version}",
                "secret_state",
                _secret(project, secret),
                {"version": version, "state": wanted},
            )
            for secret, version in situation.disabled_in_use.items()
        )

    return Plan(
        runbook=RUNBOOK,
        environment=environment,
        target=_secret(project, situation.recipe.root),
        basis={"secret": situation.recipe.asked, "way": "enable", **_needs(situation)},
        actions=state("enable", "ENABLED"),
        way_back=state("disable", "DISABLED"),
        returns_by_itself=False,
        restored="Die Version in Gebrauch ist wieder deaktiviert.",
    )


def _disabling(situation: Situation, environment: str, project: str) -> Plan:
    """Return the plan that disables what nobody needs; empty where all is needed."""
    spare = situation.spare()
    actions, back = _removal(spare, situation, project)
    return Plan(
        runbook=RUNBOOK,
        environment=environment,
        target=_secret(project, situation.recipe.root),
        basis={"secret": situation.recipe.asked, "way": "disable", **_needs(situation)},
        actions=actions,
        way_back=back,
        returns_by_itself=False,
        point_of_no_return=_last_return(actions),
        restored="Die alten Versionen sind wieder aktiv." if back else "",
    )


class _Rotation:
    """Puts the plan of a new version together."""

    def __init__(self, situation: Situation, project: str, tag: str) -> None:
        self._situation = situation
        self._project = project
        self._tag = tag
        self._new = situation.new_versions
        self._readers = [s for s in situation.services if self._pinned(s.serving.pins)]
        self._revisions = {s.state.name: self._name(s, "") for s in self._readers}

    def plan(self, environment: str, *, disable_old: bool) -> Plan:
        """Return it."""
        after = self._situation.after_adoption(self._revisions)
        removal: tuple[Action, ...] = ()
        if disable_old:
            removal, _ = _removal(after.spare(), after, self._project)
        actions = (
            *self._values(),
            *(action for service in self._readers for action in self._adoption(service)),
            *(self._job(job, "job", job_now=False) for job in self._jobs()),
            *removal,
        )
        return Plan(
            runbook=RUNBOOK,
            environment=environment,
            target=_secret(self._project, self._situation.recipe.root),
            basis={
                "secret": self._situation.recipe.asked,
                "way": "rotate",
                "versions": dict(self._new),
                "generations": {s.state.name: s.state.generation for s in self._readers},
                **_needs(after),
            },
            actions=actions,
            way_back=self._way_back(),
            returns_by_itself=False,
            point_of_no_return=_last_return(actions),
            restored="Alle Dienste lesen wieder die alte Version, und die neue ist deaktiviert.",
        )

    def _values(self) -> list[Action]:
        """Make the values, the root's first; each is tried before anyone reads it."""
        situation, recipe = self._situation, self._situation.recipe
        if situation.source == "pending":
            return [self._try(recipe.root, self._new[recipe.root])]
        made = [self._add(recipe.root, {"value": recipe.value})]
        login = situation.login
        password = f"{recipe.root}/{self._new[recipe.root]}"
        if login is not None:
            arguments = {
                "login": situation.new_login,
                "role": login.role,
                "password": password,
                "url": f"{login.url}/{situation.current(login.url)}",
            }
            made.append(Action("login", "secret_login", login.instance, arguments))
        for name, text in recipe.composed.items():
            if login is not None:
                url = f"{name}/{situation.current(name)}"
                value = {"url": url, "login": situation.new_login, "password": password}
            else:
                value = {"value": text.replace(f"secret:{recipe.root}/1", f"secret:{password}")}
            made.append(self._add(name, value))
        return [*made, *(self._try(name, self._new[name]) for name in recipe.read)]

    def _add(self, secret: str, value: Mapping[str, Any]) -> Action:
        target = _secret(self._project, secret)
        return Action(
            f"add-{secret}", "secret_add", target, {"version": self._new[secret], **value}
        )

    def _try(self, secret: str, version: int) -> Action:
        login = self._situation.login
        role = login.role if login is not None else ""
        arguments = {"version": version, "role": role}
        return Action(f"try-{secret}", "secret_try", _secret(self._project, secret), arguments)

    def _adoption(self, service: ServiceReader) -> list[Action]:
        """Bring a service to the new version; what may exist once only gets no candidate."""
        name, short = service.state.name, service.state.short_name
        revision = self._revisions[name]
        template = self._template(service, self._new) | {"revision": revision}
        whole = self._whole(service, revision)
        deploy = {"revision": revision, "template": template}
        if service.single:
            return [Action(f"adopt-{short}", "deploy_revision", name, {**deploy, "traffic": whole})]
        split = [*self._whole(service, service.serving.name),
                 *Split.of(Share(revision, 0, self._tag)).as_data()]  # fmt: skip
        probe = {"tag": self._tag, "paths": list(service.paths)}
        return [
            Action(f"candidate-{short}", "deploy_revision", name, {**deploy, "traffic": split}),
            Action(f"probe-{short}", "secret_probe", name, probe),
            Action(f"adopt-{short}", "set_traffic", name, {"traffic": whole}),
        ]

    def _way_back(self) -> tuple[Action, ...]:
        back: list[Action] = []
        for service in self._readers:
            name, short = service.state.name, service.state.short_name
            whole = self._whole(service, service.serving.name)
            back.append(Action(f"back-{short}", "set_traffic", name, {"traffic": whole}))
        back += [self._job(job, "back", job_now=True) for job in self._jobs()]
        for service in self._readers:
            name, short = service.state.name, service.state.short_name
            revision = self._name(service, "back")
            old = {s: v for s, v in service.serving.pins.items() if s in self._new}
            arguments = {
                "revision": revision,
                "template": {**service.template, "revision": revision},
                "traffic": self._whole(service, service.serving.name),
                "pins": {secret: sorted(versions) for secret, versions in old.items()},
            }
            back.append(Action(f"template-{short}", "restore_template", name, arguments))
        for secret in reversed(list(self._new)):
            state = {"version": self._new[secret], "state": "DISABLED"}
            target = _secret(self._project, secret)
            back.append(Action(f"withdraw-{secret}", "secret_state", target, state))
        return tuple(back)

    def _jobs(self) -> list[JobReader]:
        return [job for job in self._situation.jobs if self._pinned(job.pins)]

    def _job(self, job: JobReader, id: str, *, job_now: bool) -> Action:
        template: Mapping[str, Any] = job.state.template
        if not job_now:
            task = template["template"]
            for secret, version in self._new.items():
                task = with_version(task, secret, str(version))
            template = {**template, "template": task}
        arguments = {"template": dict(template)}
        return Action(f"{id}-{job.state.short_name}", "update_job", job.state.name, arguments)

    def _template(self, service: ServiceReader, new: Mapping[str, int]) -> dict[str, Any]:
        template = dict(service.template)
        for secret, version in new.items():
            template = with_version(template, secret, str(version))
        return template

    def _whole(self, service: ServiceReader, revision: str) -> list[dict[str, Any]]:
        """Return all traffic to one revision; tags that others have stay."""
        split = service.state.traffic.pinned(service.state.latest_ready_revision)
        return split.whole(revision, without=self._tag).as_data()

    def _name(self, service: ServiceReader, mark: str) -> str:
        text = f"{sorted(self._new.items())}/{mark}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        number = service.state.generation + (2 if mark else 1)
        return f"{service.state.short_name}-{number:05d}-{digest}"

    def _pinned(self, pins: Mapping[str, frozenset[str]]) -> bool:
        return any(secret in pins for secret in self._new)


def _removal(
    spare: Spare, situation: Situation, project: str
) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Return what disables versions and closes logins, and what enables them again."""

    def state(secret: str, version: int, verb: str, wanted: str) -> Action:
        arguments = {"version": version, "state": wanted}
        target = _secret(project, secret)
        return Action(f"{verb}-{secret}-{version}", "secret_state", target, arguments)

    going = [(secret, v) for secret, versions in spare.versions.items() for v in versions]
    instance = situation.login.instance if situation.login is not None else ""
    return (
        (
            *(state(secret, v, "disable", "DISABLED") for secret, v in going),
            *(Action(f"close-{login}", "secret_close_login", instance, {"login": login})
              for login in spare.logins),
        ),
        tuple(state(secret, v, "enable", "ENABLED") for secret, v in going),
    )  # fmt: skip


def _last_return(actions: tuple[Action, ...]) -> str:
    """Return the action after which the old password is gone for good."""
    return next((a.id for a in actions if a.kind == "secret_close_login"), "")


def _needs(situation: Situation) -> dict[str, Any]:
    """Return who still needs an old version, and until when, as JSON values."""
    return {
        "needed": [
            [n.secret, n.version, n.holder, n.reason, n.until.isoformat() if n.until else ""]
            for n in situation.old_needs
        ]
    }


def _secret(project: str, name: str) -> str:
    return f"projects/{project}/secrets/{name}"
