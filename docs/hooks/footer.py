"""MkDocs hook: tells the page's footer which commit the site was built from, and when."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

__all__ = ["Build", "built", "on_config"]


@dataclass(frozen=True)
class Build:
    """What a site was built from.

    Attributes:
        commit: Short hash; empty where there is no repository.
        changed: Whether files of the checkout differ from that commit.
        at: When, in UTC.
    """

    commit: str
    changed: bool
    at: datetime

    @property
    def datetime(self) -> str:
        """The time for machines, by RFC 3339."""
        return self.at.isoformat(timespec="seconds").replace("+00:00", "Z")

    @property
    def text(self) -> str:
        """The time for readers."""
        return f"{self.at:%d.%m.%Y um %H:%M} Uhr UTC"


def built(root: Path, environment: Mapping[str, str], now: datetime) -> Build:
    """Return what a site under ``root`` is built from; read-only.

    ``SOURCE_DATE_EPOCH`` in the environment is the time of the build, so that a build can be made
    again byte by byte (https://reproducible-builds.org/specs/source-date-epoch/).
    """
    epoch = environment.get("SOURCE_DATE_EPOCH")
    at = datetime.fromtimestamp(int(epoch), UTC) if epoch else now.astimezone(UTC)
    commit = _git(root, "rev-parse", "--short=10", "HEAD")
    return Build(commit, bool(commit and _git(root, "status", "--porcelain")), at)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give the template its facts."""
    root = Path(config.config_file_path).resolve().parent
    config.extra["build"] = built(root, os.environ, datetime.now(UTC))
    return config


def _git(root: Path, *arguments: str) -> str:
    """Return what git answers; nothing where there is no git, no repository or no commit."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=root, check=True, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
