"""The stores whose records the site shows, verified before anybody reads them. Read-only.

``.cache/site/records`` holds the runs that the build itself rehearsed; LEITSTAND_SITE_RECORDS names
further directories. A record counts when a key has signed it that its environment trusts; where the
environment names none, that is the key of this machine, of the rehearsals, or one that
LEITSTAND_SITE_KEYS names.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from leitstand.audit.envelopes import Envelope, accepted_keys
from leitstand.audit.records import read_record
from leitstand.audit.signing import BadKey, PublicKey, trusted_keys
from leitstand.audit.store_directory import DirectoryStore
from leitstand.audit.verification import verify_store
from leitstand.configuration import load_environment
from leitstand.core.records.findings import RecordFinding
from leitstand.core.records.statement import Statement
from leitstand.notebook.record_signer import own_signer, signing_key

__all__ = ["Keys", "Sealed", "Source", "read_source", "sources", "trusted"]

STORES = "LEITSTAND_SITE_RECORDS"
KEYS = "LEITSTAND_SITE_KEYS"
REHEARSED = Path(".cache") / "site" / "records"
REHEARSED_KEY = REHEARSED.with_name("records.pub")
"""Public key of the rehearsals, as ``leitstand audit key`` prints it; beside their store."""


@dataclass(frozen=True)
class Source:
    """A store of records.

    Attributes:
        path: Its directory.
        name: How messages and pages call it.
    """

    path: Path
    name: str


@dataclass(frozen=True)
class Keys:
    """Whose signatures count.

    Attributes:
        named: By environment, what its file names.
        others: What counts besides, where an environment names none.
        everywhere: What the build was told to trust, whatever the environment.
    """

    named: Mapping[str, Mapping[str, PublicKey]]
    others: Mapping[str, PublicKey]
    everywhere: Mapping[str, PublicKey]

    @property
    def all(self) -> dict[str, PublicKey]:
        """Every key that counts for some record, by id."""
        together = {**self.others, **self.everywhere}
        for keys in self.named.values():
            together.update(keys)
        return together

    def of(self, env: str) -> dict[str, PublicKey]:
        """The keys that count for records of an environment, by id."""
        return {**(self.named.get(env) or self.others), **self.everywhere}


@dataclass(frozen=True)
class Sealed:
    """A record that was verified.

    Attributes:
        source: Where it lies.
        seq: Its number there.
        digest: SHA-256 of its bytes.
        statement: What it says.
        findings: What is odd about it and may have an honest cause.
    """

    source: Source
    seq: int
    digest: str
    statement: Statement
    findings: tuple[RecordFinding, ...]

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"record {self.seq} ({self.statement.run_id}) of {self.source.name}"


def sources(root: Path, environ: Mapping[str, str]) -> list[Source]:
    """Return the stores to read: the rehearsals' where there is one, then the named ones."""
    named = [Path(part).expanduser() for part in environ.get(STORES, "").split(os.pathsep) if part]
    found = [root / REHEARSED] if (root / REHEARSED).is_dir() else []
    found += [path if path.is_absolute() else root / path for path in named]
    return [Source(path, _named(path, root)) for path in dict.fromkeys(found)]


def trusted(root: Path, environ: Mapping[str, str]) -> Keys:
    """Return whose signatures count.

    Raises:
        BadKey: a file or a setting holds no public key.
        OSError: a file cannot be read.
    """
    directory = root / "config" / "environments"
    names = [path.stem for path in sorted(directory.glob("*.yaml")) if path.stem != "base"]
    named = {name: trusted_keys(load_environment(name).records.trusted_keys) for name in names}
    files = [Path(part) for part in environ.get(KEYS, "").split(os.pathsep) if part]
    others = [root / REHEARSED_KEY] if (root / REHEARSED_KEY).is_file() else []
    own = signing_key()
    ours = [own_signer().public] if own is None or own.is_file() else []
    return Keys(
        named,
        {**{key.id: key for key in ours}, **_keys(others)},
        _keys(path if path.is_absolute() else root / path for path in files),
    )


def read_source(source: Source, keys: Keys) -> tuple[list[Sealed], list[str]]:
    """Verify a store and return its records, and what is wrong with it as sentences.

    Nothing is returned of a store in which anything is not as it was sealed.
    """
    if not source.path.is_dir():
        return [], [f"{source.name} is no directory of records"]
    store = DirectoryStore(source.path)
    try:
        report = verify_store(store, keys.all)
        if not report.intact:
            broken = [finding for finding in report.findings if finding.breaks]
            return [], [f"{source.name} does not verify: {finding}" for finding in broken]
        contents = [(seq, store.read(seq)) for seq in range(1, report.head.seq + 1)]
    except OSError as error:
        return [], [f"{source.name} cannot be read: {error}"]
    found, faults = [], []
    for seq, content in contents:
        statement = read_record(content)
        findings = tuple(finding for finding in report.findings if finding.place.seq == seq)
        record = Sealed(source, seq, hashlib.sha256(content).hexdigest(), statement, findings)
        env = str(statement.facts.get("env") or "")
        if accepted_keys(Envelope.decode(content), keys.of(env)):
            found.append(record)
        else:
            faults.append(f"{record.name}: nobody whom {env or 'this machine'} trusts signed it")
    return found, faults


def _keys(paths: Iterable[Path]) -> dict[str, PublicKey]:
    found: dict[str, PublicKey] = {}
    for path in paths:
        try:
            found.update(trusted_keys([path.read_text("utf-8")]))
        except UnicodeDecodeError as error:
            raise BadKey(str(path)) from error
    return found


def _named(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
