"""The provisioned sandbox with which rehearsals and pictures begin: made once, then copied.

To provision one takes as long as several rehearsals. A copy is a sandbox of its own: where one runs
already, the next takes other ports for its servers.
"""

import os
import subprocess
from pathlib import Path

__all__ = ["SANDBOX", "copy_sandbox", "environment_of"]

SANDBOX = "sandbox"
"""Its directory in a state directory."""

ANNOUNCED = "sandbox.json"
IDENTITY = "instance"

FOREIGN = ("LEITSTAND_", "GOOGLE_", "CLOUDSDK_")


def environment_of(root: Path, home: Path) -> dict[str, str]:
    """Return the environment of commands: their own state, no real credentials, no settings."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    return {
        **kept,
        "LEITSTAND_HOME": str(home),
        "LEITSTAND_PROJECT": str(root),
        "CLOUDSDK_CONFIG": str(home / "no-gcloud"),
        "NO_GCE_CHECK": "true",
    }


def copy_sandbox(source: Path, home: Path) -> None:
    """Copy a sandbox that does not run into a state directory which has none.

    Raises:
        OSError: it could not be copied, or runs: whoever uses the copy would be led to it.
        subprocess.CalledProcessError: the same.
    """
    if (source / ANNOUNCED).exists():
        raise OSError(f"The sandbox in {source} still runs and cannot be copied.")
    # With its owners, and never by hard links: PostgreSQL writes into its files.
    subprocess.run(["cp", "-a", "--", str(source), str(home / SANDBOX)], check=True)
    (home / SANDBOX / IDENTITY).unlink(missing_ok=True)  # a run of one is none of the other
