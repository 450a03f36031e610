"""The docs site at size: executed runs in its section, and the same in plain mkdocs-jupyter.

Exit code 1 when a figure is above its target. The notebooks are those of real runs, each multiplied
with a run id of its own, so that no two are the same. What counts is the time that they add: each
project is also built without them. An argument sets their number.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from leitstand.audit.envelopes import sign
from leitstand.audit.records import read_record
from leitstand.audit.run_files import measure
from leitstand.audit.signing import FileSigner
from leitstand.audit.store_directory import DirectoryStore
from leitstand.core.records.statement import PAYLOAD_TYPE, Statement, Subject

ROOT = Path(__file__).resolve().parents[2]
MANY = 200
MOST_OF_PLAIN, FULL_SECONDS = 1 / 3, 20.0
RUNBOOKS = ("deviations", "log_retention", "tenant_isolation")
THEME = "theme: {name: material, language: de, font: false}\n"
OURS = f"""site_name: Läufe
use_directory_urls: false
{THEME}hooks: [{ROOT}/docs/hooks/records.py, {ROOT}/docs/hooks/links.py]
markdown_extensions: [admonition]
"""
PLAIN = f"site_name: Läufe\n{THEME}plugins: [search, mkdocs-jupyter]\n"
NAMES = ("journal.jsonl", "notebook.ipynb")


@dataclass(frozen=True)
class Took:
    """What a build took, in seconds: on the clock, and of both processors."""

    wall: float
    busy: float

    def __sub__(self, other: "Took") -> "Took":
        return Took(self.wall - other.wall, self.busy - other.busy)

    def __str__(self) -> str:
        return f"{self.wall:.1f} s (processors {self.busy:.1f} s)"


def real_runs(home: Path) -> DirectoryStore:
    """Execute some runbooks in a sandbox of their own, and return their records."""
    environment = {**os.environ, "LEITSTAND_HOME": str(home)}
    leitstand = [sys.executable, "-m", "leitstand"]
    try:
        for runbook in RUNBOOKS:
            command = [*leitstand, "run", runbook, "--apply", "--quiet"]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
    finally:
        command = [*leitstand, "sandbox", "down"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return DirectoryStore(home / "records")


def multiplied(real: DirectoryStore, directory: Path, count: int) -> tuple[Path, Path]:
    """Seal so many runs made of real ones; return their store and a directory of their notebooks.

    The key of the new store lies beside it.
    """
    store, notebooks = directory / "archive", directory / "notebooks"
    for path in (store / "chain", store / "files", notebooks):
        path.mkdir(parents=True)
    signer = FileSigner(directory / "key.pem")
    (directory / "key.txt").write_text(signer.public.text)
    statements = [read_record(real.read(seq)) for seq in range(1, real.head() + 1)]
    previous = ""
    for seq in range(1, count + 1):
        of = statements[seq % len(statements)]
        digests = {subject.name: subject.digest for subject in of.subjects}
        run = f"{of.run_id[:-4]}{seq:04x}"
        subjects: list[Subject] = []
        for name in NAMES:
            content = real.get(digests[name]).replace(of.run_id.encode(), run.encode())
            if name == "notebook.ipynb":
                content = _with_title(content, f"Lauf {seq}")
                (notebooks / f"{run}.ipynb").write_bytes(content)
            subjects.append(measure(name, [content], len(content)))
            (store / "files" / subjects[-1].digest).write_bytes(content)
        facts = {**of.facts, "run": run}
        payload = Statement(tuple(subjects), facts, seq, previous, of.sealed_at).encode()
        record = sign(PAYLOAD_TYPE, payload, signer).encode()
        (store / "chain" / f"{seq:012}.json").write_bytes(record)
        previous = hashlib.sha256(record).hexdigest()
    return store, notebooks


def _with_title(content: bytes, title: str) -> bytes:
    notebook = json.loads(content)
    cell = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# {title}"}
    notebook["cells"].insert(0, cell)
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode()


def project(directory: Path, config: str, page: str) -> Path:
    """Make a project with one page."""
    (directory / "docs").mkdir(parents=True)
    (directory / "mkdocs.yml").write_text(config, "utf-8")
    (directory / "docs" / "index.md").write_text("# Start\n")
    place = directory / "docs" / page
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("# Läufe\n\n<!-- nachweise: liste -->\n", "utf-8")
    for path in (ROOT / "docs" / "skripte").glob("nachweise.*"):
        (directory / "docs" / "skripte").mkdir(exist_ok=True)
        (directory / "docs" / "skripte" / path.name).write_bytes(path.read_bytes())
    return directory


def built(directory: Path, *options: str, **environment: str) -> Took:
    """Build a site in a process of its own."""
    command = [sys.executable, "-m", "mkdocs", "build", *options]
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        command, cwd=directory, check=True, capture_output=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", **environment},
    )  # fmt: skip
    after = os.times()
    busy = after.children_user - before.children_user
    busy += after.children_system - before.children_system
    return Took(time.perf_counter() - start, busy)


def beside_plain(directory: Path, count: int) -> bool:
    """Print what the notebooks add to both sites, and return whether ours is within its target."""
    store, notebooks = multiplied(real_runs(directory / "home"), directory, count)
    ours = project(directory / "ours", OURS, "nachweise/index.md")
    plain = project(directory / "plain", PLAIN, "laeufe/index.md")
    told = {
        "LEITSTAND_SITE_RECORDS": str(store),
        "LEITSTAND_SITE_KEYS": str(directory / "key.txt"),
    }
    built(ours, "--strict"), built(plain)  # compiled modules and warm files for both
    bare, plain_bare = built(ours, "--strict"), built(plain)
    (plain / "docs" / "laeufe" / "index.md").unlink()
    for path in notebooks.iterdir():
        path.rename(plain / "docs" / "laeufe" / path.name)

    cold, plain_cold = built(ours, "--strict", **told) - bare, built(plain) - plain_bare
    kept = ours / ".cache" / "site" / "pages"
    pages = {path.name: path.stat().st_ino for path in kept.glob("*.html")}
    shown = len(list((ours / "site" / "nachweise").glob("*/*.html")))
    again, plain_again = built(ours, "--strict", **told) - bare, built(plain) - plain_bare
    unmade = pages == {path.name: path.stat().st_ino for path in kept.glob("*.html")}

    print(f"{count} executed notebooks add to a first build: ours {cold}, plain {plain_cold},")
    print(f"  ratio {cold.wall / plain_cold.wall:.2f} (target {MOST_OF_PLAIN:.2f})")
    print(f"to a second build: ours {again}, plain {plain_again},")
    converted = "none" if unmade else "some"
    print(f"  ratio {again.wall / plain_again.wall:.2f}; converted again: {converted}")
    print(f"pages of records: {shown} of {count}")
    return cold.wall / plain_cold.wall <= MOST_OF_PLAIN and unmade and shown == count


def whole(directory: Path) -> bool:
    """Print what a build of this site without rehearsals takes, and whether that is enough."""
    options = ("--strict", "--site-dir", str(directory / "site"))
    first, second = built(ROOT, *options), built(ROOT, *options)
    print(f"this site without rehearsals: {first}, again {second} (target {FULL_SECONDS:.0f} s)")
    return first.wall <= FULL_SECONDS


def main() -> int:
    """Measure everything."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MANY
    for name in ("LEITSTAND_SITE", "LEITSTAND_SITE_RECORDS", "LEITSTAND_SITE_KEYS"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="leitstand-") as name:
        good = [beside_plain(Path(name), count), whole(Path(name))]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
