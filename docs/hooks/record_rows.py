"""The executed runs that the site shows, the newest first: read, verified and made once a build.

Other hooks ask `last_runs` for the newest run of a runbook in each environment.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from record_pages import KEPT, Made, make_pages
from record_stores import Sealed, read_source, sources, trusted

from leitstand.audit.record_page.verdicts import VERDICTS, ending_of
from leitstand.audit.record_page.words import moment
from leitstand.audit.signing import BadKey

__all__ = ["MOST", "Published", "Row", "forget", "last_runs", "publish", "published"]

CHECKOUT = Path(__file__).resolve().parents[2]
MOST = 500
"""So many runs are shown; the command line finds all."""

SECTION = "nachweise"
LEFT_OUT = "LEITSTAND_SITE_LEAVE_OUT"
"""Ids of runs that are not to be shown, with commas: the way out when one holds a secret."""

SAFE = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
NOWHERE = "ohne-umgebung"
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One executed run.

    Attributes:
        run: Id of the run.
        part: From 1; more where it was resumed after it was sealed.
        runbook: Name of the runbook.
        env: Environment, or empty.
        operator: Who started it.
        ticket: Its ticket, or empty.
        started: When, UTC; None where the record does not say.
        status: How it ended, as ``RunFacts`` names it.
        verdict: The last verdict, or empty.
        verdict_text: The same in German, or empty.
        ending: End and verdict in German.
        tone: ``good``, ``wait``, ``bad`` or ``plain``.
        sign: One character that says the same as the tone.
        url: Of its page, relative to the root of the site.
        notebook: Of its notebook, or empty where none may be handed out.
    """

    run: str
    part: int
    runbook: str
    env: str
    operator: str
    ticket: str
    started: datetime | None
    status: str
    verdict: str
    verdict_text: str
    ending: str
    tone: str
    sign: str
    url: str
    notebook: str = ""


@dataclass(frozen=True)
class Published:
    """Everything that the site shows of executed runs.

    Attributes:
        rows: The runs, the newest first.
        files: Kept files by their address on the site.
        older: How many older runs there are that are not shown.
        left_out: Ids of the runs that were left out on purpose.
        faults: What must not be published, and why; a strict build fails.
    """

    rows: tuple[Row, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    older: int = 0
    left_out: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


_root = [CHECKOUT]
_published: list[Published] = []


def published() -> Published:
    """Return what this build shows; read at the first call, so after the rehearsals."""
    if not _published:
        _published.append(publish(_root[0], os.environ))
    return _published[0]


def forget(root: Path = CHECKOUT) -> None:
    """Read everything again at the next call. For the next build of the same process.

    Args:
        root: Of the project whose site is built.
    """
    _root[:] = [root]
    _published.clear()


def last_runs(runbook: str) -> Mapping[str, Row]:
    """Return the newest run of a runbook by environment, that of production first.

    Args:
        runbook: Its name, as records write it: ``rotate_secret``.
    """
    found: dict[str, Row] = {}
    for row in published().rows:
        if row.runbook == runbook:
            found.setdefault(row.env, row)
    order = {"prod": 0, "staging": 1, "sandbox": 3}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], 2), item[0])))


def publish(root: Path, environ: Mapping[str, str], most: int = MOST) -> Published:
    """Read all stores, verify them, look for secrets, and make the pages of the newest runs.

    Args:
        root: The checkout.
        environ: Names further stores and keys, and the runs to leave out.
        most: How many runs are shown.
    """
    stores = sources(root, environ)
    if not stores:
        return Published()
    records: dict[str, Sealed] = {}
    faults: list[str] = []
    try:
        keys = trusted(root, environ)
    except (BadKey, OSError) as error:
        return Published(faults=(f"a trusted key cannot be read: {error}",))
    for source in stores:
        found, wrong = read_source(source, keys)
        faults += wrong
        records |= {record.digest: record for record in found if record.digest not in records}
    unwanted = {run.strip() for run in environ.get(LEFT_OUT, "").split(",")}
    shown = [record for record in records.values() if record.statement.run_id not in unwanted]
    shown.sort(key=_age, reverse=True)
    made = make_pages(shown[:most], root / KEPT)
    faults += [fault for one in made for fault in one.faults]
    rows, files = _placed([one for one in made if one.page is not None])
    left_out = unwanted & {record.statement.run_id for record in records.values()}
    older = max(0, len(shown) - most)
    return Published(tuple(rows), files, older, tuple(sorted(left_out)), tuple(faults))


def _age(record: Sealed) -> tuple[datetime, str, int]:
    facts = record.statement.facts
    began = moment(facts.get("started_at") or record.statement.sealed_at)
    return began or BEFORE_ALL, record.statement.run_id, record.statement.part


def _placed(made: Sequence[Made]) -> tuple[list[Row], dict[str, Path]]:
    """Give each record its address; no two get the same."""
    rows: list[Row] = []
    files: dict[str, Path] = {}
    for one in made:
        place = _place(one.record)
        if f"{place}.html" in files:
            place = f"{place}-{one.record.digest[:12]}"
        if one.page is not None:
            files[f"{place}.html"] = one.page
        if one.notebook is not None:
            files[f"{place}.ipynb"] = one.notebook
        rows.append(_row(one.record, place, offered=one.notebook is not None))
    return rows, files


def _place(record: Sealed) -> str:
    """Return the address of a record without its ending; of the run, where that makes a name."""
    run, part, env = record.statement.run_id, record.statement.part, record.statement.run.env
    name = run if SAFE.fullmatch(run) and len(run) < 100 else record.digest[:24]
    directory = env if SAFE.fullmatch(env) else NOWHERE
    return f"{SECTION}/{directory}/{name}" + (f"-{part}" if part > 1 else "")


def _row(record: Sealed, place: str, *, offered: bool) -> Row:
    run = record.statement.run
    end = ending_of(run)
    return Row(
        run=run.run,
        part=record.statement.part,
        runbook=run.runbook,
        env=run.env,
        operator=run.operator,
        ticket=run.ticket,
        started=moment(run.started_at),
        status=run.status,
        verdict=run.verdict,
        verdict_text=VERDICTS.get(run.verdict, run.verdict),
        ending=end.text,
        tone=str(end.tone),
        sign=end.sign,
        url=f"{place}.html",
        notebook=f"{place}.ipynb" if offered else "",
    )
