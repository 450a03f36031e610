"""What one action looks like as commands, and what the writers of commands must know."""

from collections.abc import Callable
from dataclasses import dataclass

from leitstand.core.environment import Environment
from leitstand.core.plan import Action

__all__ = ["Block", "Setting", "Writer"]


@dataclass(frozen=True)
class Setting:
    """Where commands act.

    Attributes:
        environment: Name of the environment.
        project: Its Google Cloud project.
        region: Its region.
        run: Id of the run; marks what it starts.
        administrator_secret: Secret with the database administrator's URL; empty without one.
        redis_secret: Secret with the URL of the Redis that holds the task queue.
        second_person: Whether somebody else must approve what is done.
        endpoint: Address in whose place ``{endpoint}/run/`` stands for
            ``https://run.googleapis.com/``; only the sandbox has one.
    """

    environment: str
    project: str
    region: str
    run: str = ""
    administrator_secret: str = ""
    redis_secret: str = ""
    second_person: bool = False
    endpoint: str = ""

    @classmethod
    def of(cls, environment: Environment, *, run: str = "", endpoint: str = "") -> "Setting":
        """Return the setting of an environment."""
        database = environment.database
        return cls(
            environment=environment.name,
            project=environment.project,
            region=environment.region,
            run=run,
            administrator_secret=database.administrator_url_secret if database else "",
            redis_secret=environment.memorystore.url_secret,
            second_person=environment.requires_second_person,
            endpoint=endpoint,
        )


@dataclass(frozen=True)
class Block:
    """One action as commands.

    Attributes:
        what: German sentence that says what is done.
        commands: Each a command of a shell, maybe of several lines; without one, ``notes`` say
            what to do by hand.
        check: German sentence that says what must be seen afterwards.
        looks: Commands that show it.
        notes: German sentences to read before.
    """

    what: str
    commands: tuple[str, ...] = ()
    check: str = ""
    looks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Writer = Callable[[Action, Setting], Block]
"""Writes the commands of one kind of action."""
