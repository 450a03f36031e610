"""What must hold before a secret is rotated."""

from collections.abc import Iterator

from leitstand.core.release_checks import Check
from leitstand.core.rotation.situation import Situation

__all__ = ["check_rotation"]


def check_rotation(situation: Situation) -> tuple[Check, ...]:
    """Return every check of a rotation, passed or not, in the order in which they are shown."""
    return (
        *_source(situation),
        *_readable(situation),
        *_services(situation),
        *_pinned(situation),
        *_login(situation),
    )


def _source(situation: Situation) -> Iterator[Check]:
    recipe = situation.recipe
    evidence = {"secret": recipe.asked, "root": recipe.root, "version": situation.pending}
    if situation.source == "pending":
        alone = not recipe.composed and not recipe.user and not recipe.follows_auth
        yield Check("value_from_person", alone, evidence)
        yield Check("version_pending", bool(situation.pending), evidence)
    else:
        yield Check("value_can_be_made", recipe.generated, evidence)
        if recipe.follows_auth:
            yield Check("auth_changed", situation.auth_changed, evidence)


def _readable(situation: Situation) -> Iterator[Check]:
    yield Check("value_readable", not situation.problem, {"problem": situation.problem})
    for name in situation.recipe.read:
        current, secret = situation.current(name), situation.secrets[name]
        enabled = any(version.number == current for version in secret.enabled)
        yield Check("version_in_use", enabled, {"secret": name, "version": current})


def _services(situation: Situation) -> Iterator[Check]:
    for service in situation.services:
        serving = {r.name: r.percent for r in service.revisions if r.percent}
        evidence = {
            "service": service.state.short_name,
            "serving": serving,
            "problem": service.state.problem,
        }
        yield Check("service_settled", service.state.settled, evidence)
        yield Check("one_revision_serves", len(serving) == 1, evidence)


def _pinned(situation: Situation) -> Iterator[Check]:
    """Who reads whatever is newest would read a new value untried, and none on the way back."""
    readers = [(s.state.short_name, s.serving.pins) for s in situation.services]
    readers += [(job.state.short_name, job.pins) for job in situation.jobs]
    for secret in situation.recipe.secrets:
        holders = [
            name
            for name, pins in readers
            if not all(version.isdecimal() for version in pins.get(secret, ()))
        ]
        if holders:
            yield Check("versions_pinned", False, {"secret": secret, "holders": holders})


def _login(situation: Situation) -> Iterator[Check]:
    """The role whose turn it is gets another password: nothing may still log in as it."""
    login = situation.login
    if login is None:
        if situation.recipe.user:
            yield Check("login_known", False, {"secret": situation.recipe.root})
        return
    mine = {v for v, role in login.by_version.items() if role == situation.new_login}
    held = [n for n in situation.needs if n.secret == login.url and n.version in mine]
    yield Check(
        "login_free",
        not held,
        {"login": situation.new_login, "holders": [need.holder for need in held]},
    )
