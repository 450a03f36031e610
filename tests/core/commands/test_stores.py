"""Redis as commands: all that waits is counted."""

import subprocess

from leitstand.core.commands.families import block_of
from leitstand.core.plan import Action
from leitstand.database.queue import queue_keys
from tests.core.commands.samples import SETTING


def test_every_list_of_a_queue_is_counted() -> None:
    for queue in ("celery", "it's a \\queue"):
        action = Action("drain", "queue_drain", "x", {"queue": queue, "deadline_seconds": 60})
        stub = 'gcloud() { echo redis://x; }\nredis-cli() { printf "%s\\0" "${@: -1}"; }\n'
        shown = stub + block_of(action, SETTING).commands[0]
        ended = subprocess.run(["bash", "-eu"], input=shown, text=True, capture_output=True)
        assert "" == ended.stderr
        assert queue_keys(queue) == tuple(ended.stdout.removesuffix("\0").split("\0"))
