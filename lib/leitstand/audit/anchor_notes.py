"""Anchors as git notes: one line each on the commit that was checked out.

Whoever fetches ``refs/notes/leitstand`` holds a copy. Only a pushed note lies outside.
"""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from leitstand.core.errors import RunFailed

__all__ = ["REF", "GitFailed", "NoteAnchors"]

REF: Final = "refs/notes/leitstand"

_INCOMING: Final = "refs/notes-incoming/leitstand"
_DEADLINE: Final = 30.0
_TRIES: Final = 5


class GitFailed(RunFailed, OSError):
    """A git command failed, or did not end in time."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}.", "Prüfen Sie das Repository und die Verbindung zu seiner Quelle."
        )


class NoteAnchors:
    """Anchors in the notes of a repository.

    Args:
        checkout: The repository's work tree.
        remote: Where notes are pushed to; they stay here without one.
        deadline: Seconds for each git command.
    """

    def __init__(self, checkout: Path, remote: str = "", *, deadline: float = _DEADLINE) -> None:
        self._checkout = checkout
        self._remote = remote
        self._deadline = deadline

    @property
    def url(self) -> str:
        """Its address, as ``git:`` or ``git:REMOTE``."""
        return f"git:{self._remote}"

    def weakness(self) -> str:
        """Return in German why an anchor here proves less than it could; empty if it does not."""
        if self._remote:
            return ""
        return "Die Notiz bleibt in diesem Arbeitsverzeichnis, solange niemand sie überträgt."

    def add(self, name: str, envelope: bytes) -> bool:
        """Add a line to the note on HEAD, and return whether there was none like it before.

        Notes of others are kept: two that write at once wait for each other, and a remote that
        has more of them is merged before the push.

        Raises:
            GitFailed: there is no such repository or remote, or they refuse.
            OSError: there is no git.
        """
        line = envelope.decode()
        with self._alone():
            for _ in range(_TRIES):
                if self._remote:
                    self._merge()
                new = line not in self._lines(self._shown("HEAD"))
                if new:
                    self._git("notes", "--ref", REF, "append", "-m", line, "HEAD")
                if not self._remote or self._pushed():
                    return new
        raise GitFailed(f"{self._remote}: {REF} lässt sich nicht übertragen")

    def envelopes(self) -> Iterator[tuple[str, bytes]]:
        """Return the commit of each anchor with its line, and its bytes; nothing is fetched.

        Raises:
            GitFailed: there is no such repository.
            OSError: there is no git.
        """
        for pair in self._git("notes", "--ref", REF, "list").splitlines():
            blob, _, commit = pair.partition(" ")
            for number, line in enumerate(self._lines(self._git("cat-file", "blob", blob)), 1):
                yield f"{REF} {commit[:12]}, Zeile {number}", line.encode()

    def refresh(self) -> None:
        """Take over the notes that the remote has, if there is a remote.

        Raises:
            GitFailed: it cannot be reached.
        """
        if self._remote:
            with self._alone():
                self._merge()

    def _merge(self) -> None:
        if not self._git("ls-remote", self._remote, REF).strip():
            return
        self._git("fetch", "--quiet", "--no-tags", self._remote, f"+{REF}:{_INCOMING}")
        if self._exists(REF):
            self._git("notes", "--ref", REF, "merge", "--quiet", "-s", "cat_sort_uniq", _INCOMING)
        else:
            self._git("update-ref", REF, _INCOMING)

    def _pushed(self) -> bool:
        """Push, and return whether the remote took it; it does not if it has more by now."""
        ours = self._git("rev-parse", REF).strip()
        try:
            self._git("push", "--quiet", "--no-verify", self._remote, f"{REF}:{REF}")
        except GitFailed:
            theirs = self._git("ls-remote", self._remote, REF).partition("\t")[0]
            if theirs in {"", ours}:
                raise
            return False
        return True

    def _shown(self, commit: str) -> str:
        """Return the note on a commit; empty when there is none."""
        name = self._git("rev-parse", "--verify", f"{commit}^{{commit}}").strip()
        pairs = self._git("notes", "--ref", REF, "list").splitlines() if self._exists(REF) else ()
        blobs = [pair.split()[0] for pair in pairs if pair.split()[1] == name]
        return self._git("cat-file", "blob", blobs[0]) if blobs else ""

    def _exists(self, ref: str) -> bool:
        return bool(self._git("for-each-ref", "--format=%(refname)", ref).strip())

    @staticmethod
    def _lines(note: str) -> list[str]:
        return [line for line in note.splitlines() if line]

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self._checkout), "-c", "core.hooksPath=/dev/null", *arguments]
        own = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Leitstand",
            "GIT_AUTHOR_EMAIL": "leitstand@localhost",
            "GIT_COMMITTER_NAME": "Leitstand",
            "GIT_COMMITTER_EMAIL": "leitstand@localhost",
            "LC_ALL": "C",
        }
        # A hook that runs us must not decide about whose repository it is.
        others = {
            name: value
            for name, value in os.environ.items()
            if name not in {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NOTES_REF"}
        }
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=others | own,
            start_new_session=True,
        ) as process:
            try:
                out, error = process.communicate(timeout=self._deadline)
            except BaseException as reason:
                # With those that it started, such as the transport.
                os.killpg(process.pid, signal.SIGKILL)
                if not isinstance(reason, subprocess.TimeoutExpired):
                    raise
                late = f"git {arguments[0]} war nach {self._deadline:g} s nicht fertig"
                raise GitFailed(late) from reason
        if process.returncode:
            text = " ".join(error.decode(errors="replace").split())
            raise GitFailed(f"git {arguments[0]}: {text[:300]}")
        return out.decode(errors="replace")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one of our processes at a time write notes: git itself would lose one of two."""
        common = self._git("rev-parse", "--path-format=absolute", "--git-common-dir").strip()
        descriptor = os.open(
            Path(common) / "leitstand-notes.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
