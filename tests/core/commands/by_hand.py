"""Commands of copy mode done as a person would: with bash and psql, against a test's cluster."""

import os
import subprocess
from pathlib import Path

from leitstand.core.commands.families import block_of
from leitstand.core.plan import Action
from leitstand.sandbox.sql.binaries import program
from tests.core.commands.samples import SETTING

__all__ = ["INSTANCE", "TARGET", "do", "run"]

PATH = os.pathsep.join((str(Path(program("psql")).parent), os.environ["PATH"]))
INSTANCE = "projects/leitstand-sandbox/instances/main"
TARGET = f"{INSTANCE}/databases/app"
# What gcloud would tell: the instance's address, and the administrator's URL.
STUB = """gcloud() {
  case "$*" in
    "sql instances describe "*) echo 127.0.0.1 ;;
    "secrets versions access "*) printf %s "$URL" ;;
    *) echo "unexpected: gcloud $*" >&2; return 1 ;;
  esac
}
"""


def do(action: Action, url: str, *, command: int = 0) -> str:
    """Run a command of an action with bash and psql; return what it printed."""
    return run(block_of(action, SETTING).commands[command], url)


def run(command: str, url: str) -> str:
    """Run a command; ``url`` is what the administrator's secret holds."""
    ended = subprocess.run(
        ["bash", "-eu"],
        input=STUB + command,
        text=True,
        capture_output=True,
        env={"PATH": PATH, "URL": url, "PGCONNECT_TIMEOUT": "5"},
    )
    assert 0 == ended.returncode, ended.stderr
    return ended.stdout
