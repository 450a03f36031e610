"""Where pictures are taken: a private place for state, a sandbox in it, and nothing left behind.

No picture names this machine: its paths are replaced by made-up ones of the same length before
anything is drawn, and a picture in which one is left is not taken.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from picture_terminal import drawn, on_screen, typed
from rehearsal_sandbox import copy_sandbox, environment_of

__all__ = ["PictureFailed", "Stage", "names_of", "replaced", "stage"]

FOREIGN = ("JUPYTER", "IPYTHON")
SOMEBODY = "/home/sie/leitstand/.leitstand"

HOLD = (
    "import sys\n"
    "from leitstand.notebook.sandboxes import attach_sandbox\n"
    "sandbox = attach_sandbox()\n"
    "print('ready', flush=True)\n"
    "sys.stdin.read()\n"
    "sandbox.stop()\n"
)
"""Holds a sandbox that ends with this build, however that ends."""


class PictureFailed(Exception):
    """The program did not do what a picture is to show, or everything was to end."""


@dataclass(frozen=True)
class Stage:
    """A place to take pictures in.

    Attributes:
        root: The checkout.
        home: The private state directory.
        target: Where the pictures go.
        stopped: Set when everything is to end.
    """

    root: Path
    home: Path
    target: Path
    stopped: threading.Event

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the commands: their own state, no real credentials, no settings."""
        project = self.home / "project"
        own = environment_of(project if project.exists() else self.root, self.home)
        kept = {name: text for name, text in own.items() if not name.startswith(FOREIGN)}
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return {
            **kept,
            "HOME": str(self.home),
            "USER": "sie",
            "LOGNAME": "sie",
            "XDG_CACHE_HOME": cache,  # matplotlib would look through all fonts again
            "JUPYTER_CONFIG_DIR": str(self.home / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "jupyter-runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "jupyter" / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "jupyter" / "workspaces"),
            "IPYTHONDIR": str(self.home / "ipython"),
        }

    @property
    def names(self) -> Mapping[str, str]:
        """What pictures show in the place of this machine's paths; each as long as the path."""
        return names_of(self.home, self.root)

    def type(self, *arguments: str) -> str:
        """Run ``leitstand`` in a terminal, and return what then stands on it.

        Args:
            arguments: What is typed behind it.

        Raises:
            PictureFailed: it ended with an exit code that is not 0.
        """
        if self.stopped.is_set():
            raise PictureFailed("The build was stopped.")
        code, sent = typed(arguments, self.root, self.environment, self.stopped.is_set)
        if code != 0:
            told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_screen(sent)).split()
            command = " ".join(("leitstand", *arguments))
            reason = f"{command} ended with {code}: {' '.join(told)}"
            raise PictureFailed(reason)
        return on_screen(sent)

    def shorten(self, analysis: Mapping[str, float]) -> None:
        """Let releases be analysed otherwise from now on, in a project with a copy of the files."""
        project = self.home / "project"
        shutil.copytree(self.root / "config", project / "config")
        (project / "runbooks").symlink_to(self.root / "runbooks")
        path = project / "config" / "environments" / "sandbox.yaml"
        environment = yaml.safe_load(path.read_text("utf-8"))
        environment["release"]["analysis"] |= analysis
        path.write_text(yaml.safe_dump(environment, allow_unicode=True), "utf-8")

    def draw(self, name: str, command: str, screen: str) -> None:
        """Keep what stands on a terminal as the picture of that name."""
        svg = drawn(replaced(screen, self.names), command, name)
        self.check(name, re.sub(r"<[^>]*>", "", svg))
        (self.target / f"{name}.svg").write_text(svg, "utf-8")

    def check(self, name: str, text: str) -> None:
        """Look that a picture says nothing about this machine.

        Raises:
            PictureFailed: it does.
        """
        for word in (*self.names, tempfile.gettempdir(), platform.node()):
            if len(word) > 3 and re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text):
                raise PictureFailed(f"The picture {name} would show {word}.")

    @contextmanager
    def sandbox(self) -> Iterator[None]:
        """Let a sandbox run during the block."""
        with open(self.home / "sandbox.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", HOLD], cwd=self.root, env=self.environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != b"ready\n":
                raise PictureFailed("The sandbox did not start.")
            yield
        finally:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


@contextmanager
def stage(
    root: Path, target: Path, stopped: threading.Event, sandbox: Path | None = None
) -> Iterator[Stage]:
    """Give a stage whose state is gone after the block.

    Args:
        root: The checkout.
        target: Where the pictures go.
        stopped: Set when everything is to end.
        sandbox: A provisioned one, which does not run; the stage has a copy.
    """
    # Short, as SOMEBODY's is: tables then break where they would break for a reader.
    home = Path(tempfile.mkdtemp(prefix="leitstand-bilder-", dir="/tmp")).resolve()
    try:
        if sandbox is not None:
            copy_sandbox(sandbox, home)
        yield Stage(root, home, target, stopped)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def names_of(*paths: Path) -> Mapping[str, str]:
    """Return what pictures show in the place of paths; each as long as the path."""
    return {str(path): _somebody(len(str(path))) for path in paths}


def replaced(screen: str, names: Mapping[str, str]) -> str:
    """Return a screen with other paths, also where a path goes on in the next line of a table."""
    between = r"(?:\s|\x1b\[[0-9;]*m)*"
    for path, name in names.items():
        pattern = "(" + f"){between}(".join(re.escape(sign) for sign in path) + ")"
        screen = re.sub(pattern, lambda match, name=name: _exchanged(match, name), screen)  # type: ignore[misc]
    return screen


def _exchanged(match: re.Match[str], name: str) -> str:
    """Return the match with the signs of a name in its groups, and what lay between them."""
    text, place = "", match.start()
    for number, sign in enumerate(name, start=1):
        text += match.string[place : match.start(number)] + sign
        place = match.end(number)
    return text


def _somebody(length: int) -> str:
    """Return a made-up path of that length."""
    return (SOMEBODY + "/leitstand" * length)[: max(length, 1)]
