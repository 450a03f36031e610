"""The configuration files of a cluster."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from leitstand.sandbox.sql.flags import effective

__all__ = ["Configuration", "Recovery"]

HBA = """\
local all cloudsqladmin trust
local replication cloudsqladmin trust
host all cloudsqladmin 0.0.0.0/0 reject
host all all 127.0.0.1/32 scram-sha-256
"""
# Fast rather than safe against a power cut: the processes may be killed, the machine must not.
FIXED = """\
listen_addresses = '127.0.0.1'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 16MB
fsync = off
wal_level = replica
wal_recycle = off
min_wal_size = 16MB
max_wal_size = 256MB
max_wal_senders = 6
hot_standby = off
archive_timeout = 300
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] db=%d,user=%u '
password_encryption = 'scram-sha-256'
shared_memory_type = mmap
dynamic_shared_memory_type = mmap
"""


@dataclass(frozen=True)
class Recovery:
    """Where a recovery reads, and where it ends.

    Attributes:
        archive: Directory of the archived write-ahead log.
        live: The source's own log, read only where a segment is not archived yet.
        target: A setting, such as `recovery_target_lsn`.
        value: Its value.
    """

    archive: Path
    live: Path
    target: str
    value: str


@dataclass(frozen=True)
class Configuration:
    """What a cluster is started with.

    Attributes:
        port: TCP port on 127.0.0.1, also in the socket's name.
        sockets: Directory of the Unix socket.
        archive: Where finished write-ahead log goes; None archives nothing.
        flags: Google's database flags.
        recovery: Set while a backup is brought forward.
    """

    port: int
    sockets: Path
    archive: Path | None = None
    flags: Mapping[str, str] = field(default_factory=dict)
    recovery: Recovery | None = None

    def write(self, data: Path) -> None:
        """Write all configuration of the cluster there; what it had before is gone."""
        lines = [FIXED, f"port = {self.port}", f"unix_socket_directories = {_quoted(self.sockets)}"]
        if self.archive is None:
            lines.append("archive_mode = off")
        else:
            lines.append("archive_mode = on")
            lines.append(f"archive_command = {_quoted(_archive_command(self.archive))}")
        lines += [f"{name} = {_quoted(text)}" for name, text in effective(self.flags).items()]
        if self.recovery is not None:
            lines.append(f"restore_command = {_quoted(_restore_command(self.recovery))}")
            lines.append(f"{self.recovery.target} = {_quoted(self.recovery.value)}")
            # Never to a timeline that a clone has opened.
            lines.append("recovery_target_timeline = 'current'")
            lines.append("recovery_target_action = 'promote'")
        (data / "postgresql.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (data / "postgresql.auto.conf").write_text("", encoding="utf-8")
        (data / "pg_hba.conf").write_text(HBA, encoding="utf-8")
        signal_file = data / "recovery.signal"
        if self.recovery is None:
            signal_file.unlink(missing_ok=True)
        else:
            signal_file.touch()


def _quoted(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "''").replace("\n", " ")
    return f"'{text}'"


def _shell(path: Path) -> str:
    return shlex.quote(str(path)).replace("%", "%%")


def _archive_command(archive: Path) -> str:
    """Copy whole or not at all; the same segment again is no error, a different one is."""
    to = _shell(archive)
    return (
        f'if test -e {to}/%f; then cmp -s "%p" {to}/%f; '
        f'else cp "%p" {to}/.%f && mv {to}/.%f {to}/%f; fi'
    )


def _restore_command(recovery: Recovery) -> str:
    """Copy from the archive, or else what is not archived; it may be archived just meanwhile."""
    archived = f'cp {_shell(recovery.archive)}/%f "%p" 2>/dev/null'
    live = _shell(recovery.live)
    unfinished = f'test ! -e {live}/archive_status/%f.done && cp {live}/%f "%p" 2>/dev/null'
    return f"{archived} || {{ {unfinished}; }} || {archived}"
