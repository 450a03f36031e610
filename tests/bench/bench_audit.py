"""The audit trail at size: list and search, verification, and papermill's readers beside them.

Exit code 1 when a figure is above its target. Times are the best of some rounds, since the question
is what the work takes and not what else the machine does.

scrapbook is none of our dependencies, and neither is pandas, which it needs: where it is installed,
it reads too; otherwise papermill and nbformat read parameters and results in its place.
"""

import hashlib
import importlib.util
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from leitstand.audit.envelopes import Envelope, sign
from leitstand.audit.record_index import RecordIndex
from leitstand.audit.records import read_record
from leitstand.audit.run_files import measure
from leitstand.audit.signing import FileSigner, Signature
from leitstand.audit.store_directory import DirectoryStore
from leitstand.audit.verification import verify_store
from leitstand.core.records.facts import Action, ApiCall, Approval, Plan, RunFacts
from leitstand.core.records.statement import PAYLOAD_TYPE, Statement, Subject

MANY, SOME, FEW = 100_000, 10_000, 100
LIST_SECONDS, VERIFY_SECONDS, TIMES_FASTER = 0.2, 5.0, 50
ROUNDS = 3
SEALED = "2126-11-26T06:01:55.956353Z"
RUNBOOKS = ("release", "migrate", "rotate_secret", "deviations")
FACTS = RunFacts(
    run="", runbook="", env="prod", operator="", ticket="", git_commit="a" * 40, git_dirty=False,
    parameters={"env": "prod", "secret": "django-secret-key", "keep_hours": 168, "apply": True},
    template_digest="sha256:" + "b" * 64, leitstand_version="1.0", lock_digest="c" * 64,
    started_at="2126-11-26T05:01:55.956353Z", ended_at="2126-11-26T05:02:55.956353Z",
    status="completed", exit_code=0, verdict="healthy", events=31, read_calls=12,
    plans=(Plan("d" * 64, "rotate_secret", "projects/p/secrets/django", ("add", "move")),),
    approvals=(Approval("d" * 64, "second@example.org", "2126-11-26T05:02:00Z"),),
    actions=(
        Action("add", "add_version", "projects/p/secrets/django", "", "done"),
        Action("move", "set_version", "projects/p/services/web", "operations/1", "done"),
    ),
    calls=(ApiCall("google.cloud.run.v2.Services.UpdateService", "services/web"),),
)  # fmt: skip


def facts(number: int) -> RunFacts:
    """Return the facts of a run that differs from all others."""
    runbook = RUNBOOKS[number % len(RUNBOOKS)]
    return replace(
        FACTS,
        run=f"21261126-050155-{runbook}-{number:06}",
        runbook=runbook,
        operator=f"person{number % 40}@example.org",
        ticket=f"OPS-{number}",
    )


def payload(number: int, subjects: tuple[Subject, ...], previous: str) -> bytes:
    """Return what a record signs."""
    return Statement(subjects, facts(number).as_data(), number, previous, SEALED).encode()


def unsigned_chain(path: Path, count: int) -> DirectoryStore:
    """Make a store of records for the index, which reads signatures but does not check them."""
    store = DirectoryStore(path)
    (path / "chain").mkdir(parents=True)
    for number in range(1, count + 1):
        content = Envelope(
            PAYLOAD_TYPE, payload(number, (), "e" * 64), (Signature("f" * 64, bytes(64)),)
        ).encode()
        (path / "chain" / f"{number:012}.json").write_bytes(content)
    return store


def sealed_chain(path: Path, count: int, signer: FileSigner) -> DirectoryStore:
    """Make an intact store: three files a record, of the sizes that runs have."""
    store = DirectoryStore(path)
    for name in ("chain", "files"):
        (path / name).mkdir(parents=True)
    book = notebook()
    previous = ""
    for number in range(1, count + 1):
        book["cells"][1]["source"] = f"keep_hours = {number}"
        contents = {
            "journal.jsonl": b"%016d" % number * 1060,
            "notebook.ipynb": json.dumps(book, indent=1).encode(),
            "run.json": b"%010d" % number * 35,
        }
        subjects = []
        for name, content in contents.items():
            subjects.append(measure(name, [content], len(content)))
            (path / "files" / subjects[-1].digest).write_bytes(content)
        record = sign(PAYLOAD_TYPE, payload(number, tuple(subjects), previous), signer).encode()
        (path / "chain" / f"{number:012}.json").write_bytes(record)
        previous = hashlib.sha256(record).hexdigest()
    return store


def notebook() -> dict[str, Any]:
    """Return an executed notebook of the size of ours, with parameters and recorded results."""

    def code(number: int, source: str, *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
        return {"cell_type": "code", "id": f"cell-{number}", "execution_count": number,
                "metadata": metadata, "outputs": list(outputs), "source": source}  # fmt: skip

    scrap = {"name": "verdict", "data": "healthy", "encoder": "text", "version": 1}
    glued = {
        "output_type": "display_data", "metadata": {"scrapbook": {"name": "verdict", "data": True}},
        "data": {"application/scrapbook.scrap.text+json": scrap},
    }  # fmt: skip
    shown = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "x" * 700}}
    cells = [
        code(1, 'env: str = "prod"  # environment\nkeep_hours: int = 1', tags=["parameters"]),
        code(2, "keep_hours = 2", tags=["injected-parameters"]),
        code(3, "sb.glue('verdict', 'healthy')", glued),
        *(code(number, f"show({number})", shown) for number in range(4, 28)),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def best(work: Callable[[], object]) -> tuple[float, float]:
    """Return the shortest wall time of some rounds, and the processor time of that round."""
    found = []
    for _ in range(ROUNDS):
        begin, busy = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - begin, time.process_time() - busy))
    return min(found)


def lists_and_searches(directory: Path) -> bool:
    """Print how long looks into many records take, and return whether each is quick enough."""
    store = unsigned_chain(directory / "many", MANY)
    index = RecordIndex(directory / "many.sqlite")
    begin = time.perf_counter()
    index.update(store)
    print(f"index of {MANY} records, made once: {time.perf_counter() - begin:.1f} s")
    questions: dict[str, Callable[[], list[Any]]] = {
        "the newest 50": index.search,
        "one ticket": lambda: index.search(ticket=f"OPS-{MANY // 2}"),
        "one word in one record": lambda: index.search(f"OPS-{MANY // 3}"),
        "one word in all records": lambda: index.search("django-secret-key"),
        "words in all records, a filter": lambda: index.search(
            "django second", operator="person7@example.org", status="completed"
        ),
        "words in no record": lambda: index.search("django nowhere"),
        "a beginning of many words": lambda: index.search("ops-1"),
        "words in all records, a filter for none": lambda: index.search(
            "django", env="prod", status="failed"
        ),
        "words in all records, no such month": lambda: index.search(
            "django", since="2126-12-01", until="2127-01-01"
        ),
        "a month": lambda: index.search(since="2126-11-01", until="2126-12-01"),
    }
    quick = True
    for name, question in questions.items():

        def look(question: Callable[[], list[Any]] = question) -> None:
            index.update(store)
            question()

        wall, _ = best(look)
        quick &= wall <= LIST_SECONDS
        print(
            f"{name}: {len(question())} found, {wall:.3f} s with the look for new records"
            f" (target {LIST_SECONDS} s)"
        )
    return quick


def verifies(store: DirectoryStore, signer: FileSigner) -> bool:
    """Print how long verification takes, and return whether it is quick enough."""
    keys = {signer.public.id: signer.public}

    def verify() -> None:
        report = verify_store(store, keys)
        assert (SOME, 3 * SOME, ()) == (report.records, report.files, report.findings)

    wall, busy = best(verify)
    print(
        f"verify {SOME} records and {3 * SOME} files: {wall:.2f} s, processor {busy:.2f} s"
        f" (target {VERIFY_SECONDS} s)"
    )
    return wall <= VERIFY_SECONDS


def beside_readers(directory: Path, store: DirectoryStore) -> bool:
    """Print how much faster records are than notebooks' readers, and whether that is enough."""
    paths = []
    for seq in range(SOME - FEW + 1, SOME + 1):
        subjects = read_record(store.read(seq)).subjects
        digest = next(s.digest for s in subjects if s.name == "notebook.ipynb")
        path = directory / f"{seq}.ipynb"
        path.write_bytes(store.get(digest))
        paths.append(path)
    index = RecordIndex(directory / "some.sqlite")
    index.update(store)
    listed = best(lambda: index.search("django", limit=FEW))[0]
    read = best(lambda: [_facts(store, seq) for seq in range(SOME - FEW + 1, SOME + 1)])[0]
    readers: dict[str, Callable[[Path], object]] = {"papermill and nbformat": _papermill}
    if importlib.util.find_spec("scrapbook"):
        readers["scrapbook"] = _scrapbook
    else:
        print("scrapbook is not installed; papermill and nbformat read in its place")
    enough = True
    for name, reader in readers.items():
        wall = best(lambda reader=reader: [reader(path) for path in paths])[0]
        enough &= wall / listed >= TIMES_FASTER
        print(
            f"{FEW} runs: {name} {wall:.2f} s, search {listed * 1000:.1f} ms,"
            f" {wall / listed:.0f} times faster (target {TIMES_FASTER});"
            f" whole records without the index {read * 1000:.1f} ms, {wall / read:.0f} times"
        )
    return enough


def _facts(store: DirectoryStore, seq: int) -> tuple[object, object]:
    run = read_record(store.read(seq)).facts
    return run["parameters"], run["verdicts"]


def _papermill(path: Path) -> tuple[object, object]:
    import nbformat
    from papermill import inspect_notebook

    outputs = nbformat.read(path, as_version=4).cells[2].outputs
    return inspect_notebook(path), outputs[0].data


def _scrapbook(path: Path) -> tuple[object, object]:
    import scrapbook

    read = scrapbook.read_notebook(str(path))
    return read.parameters, read.scraps.data_dict


def main() -> int:
    """Measure everything."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="leitstand-") as name:
        directory = Path(name)
        signer = FileSigner(directory / "key.pem")
        store = sealed_chain(directory / "some", SOME, signer)
        good = [
            verifies(store, signer),
            beside_readers(directory, store),
            lists_and_searches(directory),
        ]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
