"""The shell blocks of pages, and what is done with commands that no test can run each time."""

import re
import shlex
import textwrap
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in (ROOT / "README.md", ROOT / "docs/index.md", *(ROOT / "docs/einstieg").glob("*.md"))
}
OWN_TEST = {"docs/einstieg/neues-runbook.md": "tests/docs/test_neues_runbook.py"}
"""Pages whose blocks another test runs, and that test."""

BLOCK = re.compile(
    r"(?:^[ ]*<!-- exit: (?P<code>\d+) -->\n\s*)?"
    r"^(?P<indent>[ ]*)```sh\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of shell.

    Attributes:
        text: What is typed.
        code: With which exit code it ends; a comment ``<!-- exit: 3 -->`` before the block says so.
    """

    text: str
    code: int = 0

    @property
    def commands(self) -> list[list[str]]:
        """The commands in it as words; what joins them is left out."""
        lines = re.sub(r"\\\n", " ", self.text).splitlines()
        words = [shlex.split(part, comments=True) for line in lines for part in line.split("&&")]
        return [command for command in words if command]


@dataclass(frozen=True)
class Elsewhere:
    """A command that is not run here.

    Attributes:
        command: Pattern of the command line.
        file: What runs it instead.
        text: What stands there.
        page: Pattern of the pages for which this holds.
    """

    command: str
    file: str
    text: str
    page: str = "*"

    def holds(self, page: str, command: str) -> bool:
        """Return whether it is about this command of this page."""
        return fnmatchcase(page, self.page) and fnmatchcase(command, self.command)


FIRST = "docs/einstieg/index.md"
WEEK = "docs/einstieg/woche.md"
DRILL = "docs/einstieg/uebung.md"
ELSEWHERE = (
    Elsewhere("python3 -m pip install nox", ".ci/run", "python3 -m pip install --quiet nox"),
    Elsewhere("python3 -m nox -s tests", ".ci/run", "python3 -m nox -s tests"),
    Elsewhere("python3 -m nox -s rehearse", "tests/cli/test_rehearse.py", 'leitstand("rehearse"'),
    Elsewhere("leitstand run release*", FIRST, "leitstand run release -p", "README.md"),
    Elsewhere("leitstand drill start", DRILL, "leitstand drill start", "README.md"),
    Elsewhere("leitstand lab", "docs/einstieg/selbst-ausfuehren.md", "leitstand lab", "README.md"),
    Elsewhere("leitstand run provision*", "tests/fixtures/provisioning.py", '"provision"'),
    Elsewhere("leitstand run deviations", "tests/runbooks/test_deviations.py", '"deviations"'),
    Elsewhere("leitstand sandbox wear", "tests/cli/test_sandbox_wear.py", '"wear"'),
    Elsewhere(
        "leitstand run pgvector_maintenance*",
        "tests/runbooks/test_pgvector_maintenance.py",
        '"pgvector_maintenance"',
    ),
    Elsewhere(
        "leitstand run onboard_tenant*", "tests/runbooks/test_onboard_tenant.py", '"onboard_tenant"'
    ),
    Elsewhere(
        "leitstand run tenant_isolation",
        "tests/runbooks/test_tenant_isolation.py",
        '"tenant_isolation"',
    ),
    Elsewhere("leitstand run migrate*", "tests/runbooks/test_migrate.py", '"migrate"'),
    Elsewhere(
        "leitstand run restore_drill*", "tests/runbooks/test_restore_drill.py", "restore_drill"
    ),
)
"""What takes too long, or changes this machine. The first that fits counts."""


def blocks(path: Path) -> list[Block]:
    """Return the shell blocks of a page, in their order."""
    return [
        Block(textwrap.dedent(match["text"]), int(match["code"] or 0))
        for match in BLOCK.finditer(path.read_text("utf-8"))
    ]


def elsewhere(page: str, command: list[str]) -> Elsewhere | None:
    """Return what runs a command instead; None for one that is run."""
    line = " ".join(command)
    return next((entry for entry in ELSEWHERE if entry.holds(page, line)), None)


def prelude(page: str, lab: str) -> str:
    """Return bash functions that note what is not run here, and let everything else pass.

    Args:
        page: Name of the page.
        lab: Command that opens JupyterLab.
    """
    noted = [entry.command for entry in ELSEWHERE if fnmatchcase(page, entry.page)]
    functions = []
    for program in ("python3", "leitstand"):
        patterns = [_glob(c.removeprefix(program + " ")) for c in noted if c.startswith(program)]
        cases = [f'{"|".join(patterns)}) echo "{program} $*" >>"$NOTED" ;;'] if patterns else []
        if program == "leitstand":
            cases.append(f'lab*) {lab} "$@" ;;')
        cases.append(f'*) command {program} "$@" ;;')
        body = "\n".join(cases)
        functions.append(f'{program}() {{\ncase "$*" in\n{body}\nesac\n}}')
    return "\n".join(functions)


def _glob(pattern: str) -> str:
    """Return a pattern for bash: only the star is special."""
    return "*".join(shlex.quote(part) if part else "" for part in pattern.split("*"))
