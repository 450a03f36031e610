"""Where the commands of ``leitstand audit`` find records, keys and their index."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leitstand import project
from leitstand.core.errors import InputError, RunFailed

if TYPE_CHECKING:
    from leitstand.audit.record_index import RecordIndex
    from leitstand.audit.signing import PublicKey
    from leitstand.audit.store import Store
    from leitstand.core.environment import Environment
    from leitstand.core.records.chain import Head
    from leitstand.core.records.findings import RecordFinding

__all__ = [
    "Env",
    "Json",
    "Keys",
    "NoSuchRecord",
    "NoTrustedKey",
    "PlaceUnreachable",
    "StoreAddress",
    "anchors_of",
    "chain_name",
    "moment",
    "numbered",
    "open_index",
    "open_records",
    "own_anchors",
    "trusted",
]

StoreAddress = Annotated[
    str,
    typer.Option("--store", metavar="ARCHIV", help="Verzeichnis oder gs://…; sonst das eigene."),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", metavar="DATEI", help="Öffentlicher Schlüssel (PEM); mehrfach möglich."),
]
Env = Annotated[str, typer.Option(metavar="UMGEBUNG", help="sandbox, staging, prod.")]
Json = Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")]

_PLACES = ("gs:", "git:")
_AGO = re.compile(r"(\d+)([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


class NoSuchRecord(InputError):
    """The archive holds no record of this number or run."""

    def __init__(self, record: str, found: int = 0) -> None:
        super().__init__(
            f"Mit „{record}“ beginnen {found} versiegelte Läufe."
            if found
            else f"Einen Beleg „{record}“ gibt es im Archiv nicht.",
            "leitstand audit list zeigt, was es gibt.",
        )
        self.record = record


class NoTrustedKey(InputError):
    """Nobody said whose signatures count."""

    def __init__(self) -> None:
        super().__init__(
            "Es ist kein Schlüssel bekannt, dessen Unterschrift gilt.",
            "Nennen Sie ihn mit --key, oder tragen Sie ihn unter records.trusted_keys ein.",
        )


class BadMoment(InputError):
    """A text is no point in time."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"„{text}“ ist keine Zeit.",
            "Schreiben Sie 2026-11-26, 2026-11-26T07:00 oder eine Spanne wie 12h, 7d, 4w.",
        )


class PlaceUnreachable(RunFailed):
    """A place of anchors does not answer; without it, a cut tail would not be found."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"Die Anker in {where} sind nicht erreichbar: {reason}.",
            "Prüfen Sie den Zugang; ohne --env und ohne diesen Ort prüft der Befehl ohne Netz.",
        )


class BadAnchor(InputError):
    """A text is no anchor."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"„{text}“ ist kein Anker.",
            "Nennen Sie NUMMER:PRÜFSUMME, eine Datei mit seq und digest, gs://… oder git:…",
        )


def open_records(store: str, env: str = "") -> tuple[str, "Store"]:
    """Return address and store: the one named, else the environment's, else this machine's."""
    from leitstand.notebook.sealed import open_records_of, records_of

    environment = _environment(env)
    address = store or records_of(environment)
    return address, open_records_of(environment, address)


def open_index(address: str) -> "RecordIndex":
    """Return the index over a store; this machine's own is ``records.sqlite``."""
    from leitstand.audit.record_index import RecordIndex

    state = project.state_directory()
    if address == str(state / "records"):
        return RecordIndex(state / "records.sqlite")
    named = address if address.startswith("gs:") else str(Path(address).expanduser().resolve())
    digest = hashlib.sha256(named.encode()).hexdigest()[:12]
    return RecordIndex(state / f"records-{digest}.sqlite")


def numbered(record: str, address: str, store: "Store") -> int:
    """Return the number of a record: of itself, or the last of a run or of its beginning.

    Raises:
        NoSuchRecord: there is none, or there are more runs that begin so.
    """
    # Ids of runs begin with a date, which is longer than any number of a record.
    if record.isdecimal() and len(record) < len("20261126"):
        return int(record)
    index = open_index(address)
    index.update(store)
    exact = index.numbers(record)
    if exact:
        return exact[-1]
    rows = index.search(run=record, limit=1000) if record else []
    runs = {row.run for row in rows}
    if len(runs) != 1:
        raise NoSuchRecord(record, len(runs))
    return rows[0].seq


def trusted(keys: Sequence[Path], env: str = "") -> dict[str, "PublicKey"]:
    """Return the public keys whose signatures count, by id.

    Those of the files; else those of the environment; else the one of this machine.

    Raises:
        BadKey: a file or a setting holds none.
        NoTrustedKey: there is none at all.
    """
    from leitstand.audit.signing import trusted_keys
    from leitstand.notebook.record_signer import own_signer, signing_key

    texts = [_text(path) for path in keys]
    if not texts:
        environment = _environment(env)
        texts = list(environment.records.trusted_keys) if environment else []
    if texts:
        return trusted_keys(texts)
    path = signing_key()
    if path is not None and not path.exists():
        raise NoTrustedKey
    own = own_signer().public
    return {own.id: own}


def anchors_of(
    texts: Sequence[str], keys: Mapping[str, "PublicKey"], env: str = ""
) -> tuple[list["Head"], list["RecordFinding"]]:
    """Return anchors, and what is wrong where they are kept.

    Args:
        texts: ``number:digest``, a JSON file with ``seq`` and ``digest``, or the address of a
            place; besides those, the places that the environment names.
        keys: Trusted public keys by id; an anchor in a place counts when one has signed it.
        env: Environment; its name is the name of the chain.

    Raises:
        BadAnchor: a text is none of these.
        PlaceUnreachable: a place does not answer.
    """
    from leitstand.audit.anchors import read_anchors
    from leitstand.execution.store_opening import open_anchors

    addresses = own_anchors(env)
    addresses += [text for text in texts if text.startswith(_PLACES)]
    heads = [_anchor(text) for text in texts if not text.startswith(_PLACES)]
    if not addresses:
        return heads, []
    checkout = project.project_root()
    places = [open_anchors(address, checkout) for address in addresses]
    found = read_anchors(places, chain_name(env), keys)
    for where, reason in found.unreachable:
        raise PlaceUnreachable(where, reason)
    return [*heads, *found.heads], list(found.findings)


def own_anchors(env: str) -> list[str]:
    """Return the addresses of the places that an environment names for its anchors."""
    from leitstand.core.records.settings import records_in

    environment = _environment(env)
    return list(records_in(environment).anchors) if environment is not None else []


def chain_name(env: str) -> str:
    """Return the name under which the chain of an environment is anchored."""
    return env or "local"


def moment(text: str, now: datetime | None = None) -> str:
    """Return a point in time as records write it: of a date, a time, or so long ago.

    Raises:
        BadMoment: the text names none.
    """
    if not text:
        return ""
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            hours = timedelta(hours=int(ago[1]) * _HOURS[ago[2]])
            at = (now or datetime.now(UTC)) - hours
        else:
            at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadMoment(text) from error
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _anchor(text: str) -> "Head":
    import json

    from leitstand.core.records.chain import Head

    seq, _, digest = text.partition(":")
    try:
        if seq.isdecimal():
            return Head.from_data({"seq": int(seq), "digest": digest})
        return Head.from_data(json.loads(Path(text).read_bytes()))
    except (OSError, ValueError, AttributeError) as error:
        raise BadAnchor(text) from error


def _text(path: Path) -> str:
    from leitstand.audit.signing import BadKey

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadKey(str(path)) from error


def _environment(env: str) -> "Environment | None":
    if not env:
        return None
    from leitstand.configuration import load_environment

    return load_environment(env)
