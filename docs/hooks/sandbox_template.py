"""One sandbox that was provisioned once, copied to each place of a fresh build that needs one.

To provision a sandbox takes both processors for ten seconds, to start a copy takes one for three.
"""

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from rehearsal_commands import Commands, NotEnded

__all__ = ["SandboxTemplate"]

DEADLINE = 300.0
ENDING_SECONDS = 60.0
FOREIGN = ("LEITSTAND_", "GOOGLE_", "CLOUDSDK_")


class SandboxTemplate:
    """Makes the template when it is first asked for; whoever asks meanwhile waits for it.

    Args:
        root: The checkout.
        place: A directory for it, which nobody else uses; made when it is needed.
        stopped: Set when everything is to end.
    """

    def __init__(self, root: Path, place: Path, stopped: threading.Event) -> None:
        self._root = root
        self._place = place
        self._stopped = stopped
        self._lock = threading.Lock()
        self._asked = self._whole = False

    def copy_to(self, home: Path) -> None:
        """Let the sandbox of a state directory begin as a copy.

        Without a template nothing is copied: the sandbox is then provisioned where it starts, and
        says there what is wrong.
        """
        with self._lock:
            if not self._asked:
                self._asked = True
                self._whole = self._make()
        if self._whole:
            # With modes and owners, which PostgreSQL looks at.
            subprocess.run(["cp", "-a", self._place / "sandbox", home / "sandbox"], check=True)

    def _make(self) -> bool:
        self._place.mkdir(mode=0o700)
        commands = Commands(self._root, self._environment(), self._place)
        try:
            ended = commands.run(["sandbox", "up"], DEADLINE, self._stopped.is_set)
            whole = ended.code == 0
        except NotEnded:
            whole = False
        try:
            ended = commands.run(["sandbox", "down"], ENDING_SECONDS, lambda: False)
            return whole and ended.code == 0
        except NotEnded:
            return False
        finally:
            commands.close()

    def _environment(self) -> Mapping[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
        return {
            **kept,
            "LEITSTAND_HOME": str(self._place),
            "LEITSTAND_PROJECT": str(self._root),
            "CLOUDSDK_CONFIG": str(self._place / "no-gcloud"),
            "NO_GCE_CHECK": "true",
        }
