"""The sessions of this project; all of them share one environment, made from one lock.

``python3 -m nox -s rehearse`` is the first thing to try, ``python3 -m nox -s tests`` checks
everything. What stands behind ``--`` goes to the tool that a session runs.
"""

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
LIB = ROOT / "lib"
LOCK = LIB / "requirements.lock"
PROJECT = LIB / "pyproject.toml"
VENV = ROOT / ".nox" / "leitstand"
ROOM = 8 * 2**30  # bytes of memory, before temporary files are put there
UV = "uv==0.13.9"  # makes the lock, and installs it three times faster than pip

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["rehearse"]

shared = nox.session(python=False)  # nox has no environment for several sessions; _install makes it


@shared
def rehearse(session: nox.Session) -> None:
    """Rehearse a release in the sandbox: a good image, then a faulty one."""
    _install(session)
    _run(session, "leitstand", "rehearse", *session.posargs)


@shared
def tests(session: nox.Session) -> None:
    """Check everything; with arguments, run pytest alone with them."""
    _install(session)
    if session.posargs:
        _pytest(session, *session.posargs)
        return
    _lint(session)
    with _in_memory(session) as place:
        _docs(session)
        _runbooks(session)
        _pytest(session, *([f"--basetemp={place}/t"] if place else []), "tests")


@shared
def shuffle(session: nox.Session) -> None:
    """Run pytest in a random order; ``-- --randomly-seed=N`` repeats the order N."""
    _install(session)
    _pytest(session, "-p", "randomly", *session.posargs)


@shared
def lint(session: nox.Session) -> None:
    """Check form, types and who imports whom."""
    _install(session)
    _lint(session)


@shared
def docs(session: nox.Session) -> None:
    """Rehearse all runbooks, build the site into site/; ``-- serve`` shows it while you write."""
    _install(session)
    if session.posargs:
        _run(session, "mkdocs", *session.posargs)
    else:
        _docs(session)


@shared
def diagrams(session: nox.Session) -> None:
    """Draw docs/diagramme/*.mmd anew with Mermaid in Chromium; needed when one has changed."""
    _install(session)
    _install_beside(session, "diagrams")
    mermaid = ROOT / ".nox" / "diagrams" / "nicegui" / "elements" / "mermaid" / "dist"
    _run(session, "python", "docs/hooks/drawing.py", str(mermaid))


@shared
def bake(session: nox.Session) -> None:
    """Execute the runbooks, and keep what tests compare: counts and outputs tagged keep_output."""
    _install(session)
    for runbook in session.posargs or sorted(map(str, (ROOT / "runbooks").glob("*.ipynb"))):
        with tempfile.TemporaryDirectory(prefix="leitstand-") as home:
            execute = ["jupyter", "execute", "--inplace", "--kernel_name=python3", runbook]
            _run(session, *execute, LEITSTAND_HOME=home)
        strip = ["nbstripout", "--keep-count", "--keep-id"]
        _run(session, *strip, "--extra-keys", "metadata.language_info", runbook)


@shared
def bench(session: nox.Session) -> None:
    """Run the benchmarks in tests/bench/, or the ones named."""
    _install(session)
    known = {path.stem: path for path in sorted((ROOT / "tests" / "bench").glob("[!_]*.py"))}
    for name in session.posargs or known:
        if name not in known:
            session.error(f"There is no benchmark {name}; there are: {', '.join(known)}.")
        if name == "bench_recall":
            _install_beside(session, "embeddings")
        _run(session, "python", str(known[name]), PYTHONPATH=str(ROOT))


@shared
def sweep(session: nox.Session) -> None:
    """Run the long sweeps, which the tests leave out."""
    _install(session)
    both = ["-n", "2", "--dist", "worksteal"]  # neighbours stay together, and share preparations
    chosen = session.posargs or ["tests"]
    _run(session, "pytest", *both, "-m", "sweep", "--timeout", "1800", *chosen)


@shared
def lock(session: nox.Session) -> None:
    """Write lib/requirements.lock from lib/pyproject.toml; ``-- --upgrade`` takes new versions."""
    with tempfile.TemporaryDirectory(prefix="leitstand-lock-") as place:
        session.run(sys.executable, "-m", "virtualenv", "--quiet", place)
        session.run(f"{place}/bin/pip", "install", "--quiet", UV)
        session.run(
            f"{place}/bin/uv", "pip", "compile", "--quiet", "--no-config", "--universal",
            "--python-version", "3.11", "--fork-strategy", "fewest", "--generate-hashes",
            "--extra", "dev", "--custom-compile-command", "python3 -m nox -s lock",
            "--output-file", str(LOCK.relative_to(ROOT)), *session.posargs,
            str(PROJECT.relative_to(ROOT)),
            silent=True,
        )  # fmt: skip


def _install(session: nox.Session) -> None:
    """Make the shared environment from the lock, unless it is made from this very lock."""
    if sys.version_info < (3, 11):  # noqa: UP036 - nox runs on older Pythons than the project
        session.error(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    stamp = VENV / "installed.sha256"
    sources = LOCK.read_bytes() + PROJECT.read_bytes().partition(b"\n[tool.")[0]
    wanted = hashlib.sha256(sources + f"{sys.version} {ROOT}".encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if Path(sys.prefix).resolve() == VENV:
        session.error("The lock has changed: run nox from outside the environment it makes.")
    session.log("Installing the locked packages into .nox/leitstand, once; up to a minute.")
    session.run_install(sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(VENV))
    try:
        _set_up(session, "pip", "install", "--quiet", UV)
        _set_up(
            session, "uv", "pip", "install", "--quiet", "--compile-bytecode",
            "--require-hashes", "--requirement", str(LOCK),
        )  # fmt: skip
    except CommandFailed:  # for example where only pip's configuration knows the index
        session.warn("uv did not succeed; pip installs the same lock, which takes longer.")
        _set_up(
            session, "pip", "install", "--quiet", "--require-hashes", "--requirement", str(LOCK)
        )
    _set_up(
        session, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
        "--editable", str(LIB),
    )  # fmt: skip
    _set_up(session, "python", "-m", "compileall", "-q", str(LIB / "leitstand"))
    _set_up(session, "python", "-c", "import matplotlib.font_manager")  # builds its cache of fonts
    stamp.write_text(wanted)


def _install_beside(session: nox.Session, extra: str) -> None:
    """Put the packages of an extra beside the environment: their files, nothing they depend on."""
    wanted = "\n".join(nox.project.load_toml(PROJECT)["project"]["optional-dependencies"][extra])
    place = ROOT / ".nox" / extra
    stamp = place / "installed.txt"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    session.log(f"Installing {extra} into .nox/{extra}, once; up to 80 MB.")
    shutil.rmtree(place, ignore_errors=True)
    try:
        _set_up(
            session, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
            "--no-compile", "--target", str(place), *wanted.splitlines(),
        )  # fmt: skip
    except CommandFailed:
        session.warn(f"It cannot be installed; what needs {extra} is left out.")
    else:
        stamp.write_text(wanted)


@contextmanager
def _in_memory(session: nox.Session) -> Iterator[str]:
    """Let what runs in the block keep its temporary files in memory; yield where, or an empty text.

    A database is three hundred small files, which take five times as long to make on a disk. What
    is there is gone afterwards; tests that are run with arguments leave their files on disk.
    """
    memory = Path("/dev/shm")  # Linux's; in a container it is often too small, and nothing may run
    if "TMPDIR" in os.environ or not _is_roomy(memory):
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="ls-", dir=memory, ignore_cleanup_errors=True) as place:
        session.env["TMPDIR"] = place
        try:
            yield place
        finally:
            del session.env["TMPDIR"]


def _is_roomy(memory: Path) -> bool:
    if not os.access(memory, os.W_OK):
        return False
    place = os.statvfs(memory)
    free = [place.f_bavail * place.f_frsize, _number(Path("/proc/meminfo"), "MemAvailable") * 1024]
    group = Path("/sys/fs/cgroup")  # what a container may have at most
    if limit := _number(group / "memory.max"):
        free.append(limit - _number(group / "memory.current"))
    return min(free) > ROOM and not place.f_flag & os.ST_NOEXEC


def _number(file: Path, name: str = "") -> int:
    """Return the number that follows a name in a file of the system; 0 where there is none."""
    text = file.read_text() if file.is_file() else ""
    found = re.search(rf"^{name}\W*(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _run(session: nox.Session, *command: str, **environment: str) -> None:
    """Run a command of the shared environment as if it were activated."""
    session.run(*_active(command), env={**_variables(), **environment})


def _set_up(session: nox.Session, *command: str) -> None:
    """Run a command that makes the environment, also with ``--install-only``."""
    session.run_install(*_active(command), env=_variables())


def _active(command: tuple[str, ...]) -> list[str]:
    return [str(VENV / "bin" / command[0]), *command[1:]]


def _variables() -> dict[str, str]:
    path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", "")])
    return {"VIRTUAL_ENV": str(VENV), "PATH": path, "NO_MKDOCS_2_WARNING": "1"}


def _lint(session: nox.Session) -> None:
    session.log("Form (ruff), types (mypy), who imports whom (import-linter)")
    _run(session, "ruff", "check", "--config", str(PROJECT), ".")
    _run(session, "mypy", "--config-file", str(PROJECT), "lib/leitstand", "docs/hooks")
    _run(session, "lint-imports", "--config", str(PROJECT))


def _docs(session: nox.Session) -> None:
    session.log("Docs, with every runbook rehearsed for its page; every warning is an error")
    # With --quiet, MkDocs would not count warnings, and --strict would let them pass.
    _run(session, "mkdocs", "build", "--strict", LEITSTAND_SITE="fresh")


def _runbooks(session: nox.Session) -> None:
    session.log("Runbooks, executed in a sandbox of their own (nbval)")
    with tempfile.TemporaryDirectory(prefix="leitstand-") as home:
        try:
            _run(session, "leitstand", "sandbox", "up", LEITSTAND_HOME=home)
            # Two at once: a notebook stays with one process, all share the sandbox.
            nbval = ["-n", "2", "--dist", "loadscope", "--nbval-lax", "--nbval-current-env"]
            private = ["-p", "tests.fixtures.notebook_kernels"]
            _run(session, "pytest", *nbval, *private, "runbooks", LEITSTAND_HOME=home)
        finally:
            _run(session, "leitstand", "sandbox", "down", LEITSTAND_HOME=home)


def _pytest(session: nox.Session, *arguments: str) -> None:
    _install_beside(session, "dictionary")
    session.log("Tests (pytest)")
    both = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]
    asked = any("nbval" in argument for argument in arguments)  # it takes each process 2 s to load
    _run(session, "pytest", *([] if asked else ["-p", "no:nbval"]), *both, *arguments)
