"""Rehearses a runbook in a sandbox that is made like another environment."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitstand.configuration import load_environment, read_layers
from leitstand.core.errors import GateRefused
from leitstand.core.parameters import as_literals, check_parameters
from leitstand.core.predictions.fitting import foreign_images, overlay_like
from leitstand.core.predictions.plans import digest
from leitstand.core.predictions.prediction import Prediction, approved_plans, parameters_digest
from leitstand.core.predictions.scope import rotation_refused, scope_of
from leitstand.core.predictions.structure import unlike_structure
from leitstand.core.predictions.words import Words, words_of
from leitstand.core.predictions.world import World, changes
from leitstand.core.rotation.recipes import recipe_for
from leitstand.notebook.like_database import cloned_instance
from leitstand.notebook.like_reading import Needs, Seen, read_world
from leitstand.notebook.like_secrets import made_at
from leitstand.notebook.like_store import LIKE_VARIABLE, keep_prediction, place_of
from leitstand.notebook.sandboxes import connect, sandbox_explained, start_sandbox
from leitstand.notebook.template import Template, find_template, read_template
from leitstand.project import project_root, runs_directory, state_directory

if TYPE_CHECKING:
    from leitstand.cloud.connection import Connection
    from leitstand.core.environment import Environment
    from leitstand.notebook.conclusion import Result
    from leitstand.notebook.listener import Listener

__all__ = ["NotRehearsable", "Rehearsal", "rehearse_like"]

Watch = Callable[[str], None]


class NotRehearsable(GateRefused):
    """A rehearsal could not predict what this runbook does in the environment.

    Attributes:
        runbook: Its name.
    """

    def __init__(self, runbook: str, environment: str, reason: str) -> None:
        super().__init__(
            f"{runbook} lässt sich nicht wie {environment} proben: {reason}",
            "Üben Sie es mit leitstand run in der Sandbox; dort gelten Beispieldaten.",
        )
        self.runbook = runbook


@dataclass(frozen=True)
class Rehearsal:
    """How a rehearsal ended.

    Attributes:
        result: The run in the sandbox.
        prediction: What it predicts.
        path: Where the prediction lies.
    """

    result: "Result"
    prediction: Prediction
    path: Path


def rehearse_like(
    template: Template,
    given: Mapping[str, object],
    like: str,
    listener: "Listener",
    watch: Watch = lambda _: None,
) -> Rehearsal:
    """Run a runbook in a fresh sandbox that is like an environment, and keep what it predicts.

    Reads the environment's control plane and changes nothing there. The sandbox is gone afterwards;
    the run lies with all others and is sealed as they are.

    Args:
        template: The runbook.
        given: Its parameters besides the defaults; environment and apply are set here.
        like: Name of the environment.
        listener: Who hears of the run.
        watch: Told in German what goes on before it.

    Raises:
        InputError: the environment or a parameter cannot be used.
        NotRehearsable: what the runbook does follows from more than a rehearsal can know.
        CloudRefused: an API of the environment refused to be read.
        CloudUnreachable: one did not answer.
    """
    from leitstand.audit.journal import Journal
    from leitstand.notebook.runner import run_notebook

    parameters = {**given, "env": like, "apply": True}
    values = as_literals(check_parameters(template.parameters, parameters))
    at = datetime.now(UTC)
    scope, needs = scope_of(template.name, values), Needs.of(template.name, values, at)
    environment = load_environment(like)
    reason = scope.refused or _why_not(environment, needs, str(values.get("source", "")))
    if reason:
        raise NotRehearsable(template.name, like, reason)
    place = place_of(environment)
    connection = connect(environment)
    if _moves_database(environment, needs) and (clone := cloned_instance(connection)):
        reason = f"Die Anwendung arbeitet dort auf dem Klon {clone}, den die Sandbox nicht hat."
        raise NotRehearsable(template.name, like, reason)
    if needs.structure and not _has_image(connection, needs.image):
        reason = f"Nur das Abbild {needs.image} kennt seine Migrationen; die Sandbox hat es nicht."
        raise NotRehearsable(template.name, like, reason)
    seen = read_world(connection, needs, lambda part: watch(f"{like} lesen: {part}"))
    theirs = words_of(environment, seen.observed.number)
    world = seen.world.summary(theirs)
    home = Path(tempfile.mkdtemp(prefix="leitstand-like-"))
    try:
        itself = needs.image if needs.structure else ""
        _write_project(home, like, seen, theirs, itself)
        told = home / "like.json"
        with (
            _places(home, told),
            sandbox_explained(),
            _sandbox_like(home, seen, theirs, needs, watch) as differing,
        ):
            unlike = [*scope.limits, *differing, *_not_read(seen, environment)]
            about = {
                "env": like,
                "read_at": at.isoformat(),
                "world": digest(world),
                "unlike": unlike,
            }
            told.write_text(json.dumps(about), "utf-8")
            project = home / "project"
            result = run_notebook(
                read_template(find_template(template.name, project / "runbooks")),
                {**parameters, "env": "sandbox"},
                runs_directory(),
                project=project,
                listener=listener,
            )
            ours = words_of(load_environment("sandbox"))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    journal = Path(result.directory) / "journal.jsonl"
    prediction = Prediction(
        runbook=template.name,
        environment=like,
        parameters=parameters_digest(values),
        at=at,
        run=result.run,
        record=result.record,
        exit_code=result.exit_code,
        message=result.message,
        plans=approved_plans(Journal(journal), ours, result.run),
        world=world,
        unlike=tuple(unlike),
        place=place,
    )
    return Rehearsal(result, prediction, keep_prediction(prediction))


def _moves_database(environment: "Environment", needs: Needs) -> bool:
    """Return whether the plan names the instance that the application works on."""
    if not needs.secret:
        return needs.structure
    return bool(recipe_for(needs.secret, environment.resources, environment.initial).user)


def _has_image(connection: "Connection", image: str) -> bool:
    """Return whether sandboxes have the very image that the environment has by this name.

    Also where the environment has none: then the run finds that out.
    """
    from leitstand.cloud.registry import Registry
    from leitstand.sandbox import control

    digest = Registry(connection).image(image).digest
    return not digest or control.has_image(image, digest)


def _why_not(environment: "Environment", needs: Needs, source: str) -> str:
    """Return why a secret's rotation cannot be rehearsed, or nothing."""
    if not needs.secret:
        return ""
    recipe = recipe_for(needs.secret, environment.resources, environment.initial)
    return rotation_refused(recipe, source)


def _write_project(home: Path, like: str, seen: Seen, theirs: Words, itself: str) -> None:
    """Write a project like this one, whose sandbox has what the environment states."""
    import yaml

    root, project = project_root(), home / "project"
    project.mkdir()
    for entry in root.iterdir():
        if entry.name != "config" and not entry.name.startswith("."):
            (project / entry.name).symlink_to(entry)
    shutil.copytree(root / "config", project / "config")
    _, overlay = read_layers(like)
    _, sandbox = read_layers("sandbox")
    stated = words_of(load_environment("sandbox")).filled(theirs.plain(overlay))
    made = overlay_like(
        stated, sandbox, seen.world, seen.images, seen.staging, str(home / "locks"), itself=itself
    )
    path = project / "config" / "environments" / "sandbox.yaml"
    path.write_text(yaml.safe_dump(made, allow_unicode=True, sort_keys=False), "utf-8")


@contextmanager
def _places(home: Path, told: Path) -> Iterator[None]:
    """Let this process and its children find the rehearsal's project and sandbox in the block."""
    from leitstand.notebook.provenance import COMMIT_VARIABLE, provenance

    commit = str(provenance(project_root())["git"]["commit"])
    changed = {
        "LEITSTAND_HOME": str(state_directory()),
        "LEITSTAND_PROJECT": str(home / "project"),
        "LEITSTAND_SANDBOX": str(home / "sandbox"),
        LIKE_VARIABLE: str(told),
        COMMIT_VARIABLE: commit,
    }
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _sandbox_like(
    home: Path, seen: Seen, theirs: Words, needs: Needs, watch: Watch
) -> Iterator[list[str]]:
    """Start the sandbox and make it like what was seen; give what of it is not like it.

    Args:
        home: The rehearsal's directory.
        seen: The environment.
        theirs: Its names.
        needs: What the runbook needs.
        watch: Told in German what goes on.
    """
    from leitstand.audit.journal import Journal
    from leitstand.notebook.like_loading import load

    watch("Sandbox einrichten")
    sandbox = start_sandbox(lifeline=True)
    try:
        environment = load_environment("sandbox")
        connection = connect(environment)
        watch("Stand übernehmen")
        unlike = list(load(connection, seen.world, theirs, Journal(home / "load.jsonl")))
        sandbox.set_times(made_at(connection, seen.world))
        watch("Stand vergleichen")
        made = read_world(connection, replace(needs, image=""))
        ours = words_of(environment, made.observed.number)
        unlike += _unlike(seen.world, made.world, theirs, ours)
        yield list(dict.fromkeys(unlike))
    finally:
        sandbox.stop()


def _unlike(there: World, made: World, theirs: Words, ours: Words) -> Iterator[str]:
    """Yield what of a world was not made, as German sentences."""
    for change in changes(
        replace(there, structure=None).summary(theirs), replace(made, structure=None).summary(ours)
    ):
        yield f"{change.path}: dort {_text(change.before)}, in der Probe {_text(change.now)}"
    if there.structure is not None and made.structure is not None:
        yield from unlike_structure(there.structure, made.structure)


def _not_read(seen: Seen, environment: "Environment") -> Iterator[str]:
    yield from seen.world.unread
    for image in foreign_images(seen.world, environment.artifact_registry.repository):
        yield f"Abbild {image}: Es liegt nicht in der Ablage der Umgebung, oder ohne Digest."


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
