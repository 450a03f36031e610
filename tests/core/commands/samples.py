"""Actions of every kind, as plans of real runs in the sandbox had them."""

import json
from pathlib import Path

from leitstand.core.commands.block import Setting
from leitstand.core.plan import Action

__all__ = ["SAMPLES", "SETTING", "sample"]

SAMPLES = tuple(
    Action.from_data(data)
    for data in json.loads(Path(__file__).with_name("actions.json").read_text("utf-8"))
)
SETTING = Setting(
    environment="prod",
    project="leitstand-sandbox",
    region="europe-west3",
    run="20261126-054506-release-73a5",
    administrator_secret="administrator-database-url",
    redis_secret="redis-url",
    second_person=True,
)


def sample(kind: str) -> Action:
    """Return the first action of a kind."""
    return next(action for action in SAMPLES if action.kind == kind)
