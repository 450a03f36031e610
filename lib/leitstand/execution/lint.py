"""Lints the SQL of migrations with squawk (squawkhq.com); read-only, no file is left."""

import json
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leitstand.core.errors import RunFailed
from leitstand.core.migration import Finding, Migration

__all__ = ["LintUnavailable", "lint"]

_SECONDS = 30
_SETTLED = (
    "require-lock-timeout",  # the job sets both timeouts itself
    "require-statement-timeout",
    "prefer-robust-stmts",  # Django knows what it has applied
    "require-table-schema",
)
"""Rules whose concern is met elsewhere."""


class LintUnavailable(RunFailed):
    """squawk could not be run, or answered something else than findings."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"squawk prüft die Anweisungen nicht: {reason}.",
            "Prüfen Sie die Installation mit „leitstand doctor“.",
        )
        self.reason = reason


def lint(migration: Migration) -> tuple[Finding, ...]:
    """Return what squawk finds in the statements of a migration, in their order.

    Raises:
        LintUnavailable: squawk is missing, hangs, or fails.
    """
    statements = [statement.sql for statement in migration.statements]
    if not statements:
        return ()
    reported = _report(";\n".join(statements) + ";\n", atomic=migration.atomic)
    starts = _first_lines(statements)
    return tuple(
        Finding(
            statement=max(0, sum(1 for start in starts if start <= item["line"]) - 1),
            rule=str(item["rule_name"]),
            message=" ".join(part for part in (item["message"], item.get("help")) if part),
        )
        for item in sorted(reported, key=lambda item: (item["line"], item["column"]))
    )


def _first_lines(statements: Sequence[str]) -> list[int]:
    """Return the line, from 0, on which each statement begins."""
    lines, next_line = [], 0
    for statement in statements:
        lines.append(next_line)
        next_line += statement.count("\n") + 1
    return lines


def _report(sql: str, *, atomic: bool) -> list[dict[str, Any]]:
    """Return squawk's findings; its configuration is ours alone, whatever lies in the home."""
    transaction = "--assume-in-transaction" if atomic else "--no-assume-in-transaction"
    with tempfile.TemporaryDirectory(prefix="leitstand-lint-") as place:
        config = Path(place) / "squawk.toml"
        config.write_text("", encoding="utf-8")
        command = [
            _program(), "--config", str(config), "--reporter", "json", "--pg-version", "16",
            transaction, *(f"--exclude={rule}" for rule in _SETTLED),
            "--stdin-filepath", "migration.sql",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, input=sql, capture_output=True, text=True, encoding="utf-8",
                timeout=_SECONDS, cwd=place, check=False,
                env={"HOME": place, "SQUAWK_DISABLE_GITHUB_ANNOTATIONS": "1"},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LintUnavailable(type(error).__name__) from error
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)
    except ValueError as error:
        reason = (done.stderr.strip().splitlines() or [f"Exit-Code {done.returncode}"])[0]
        raise LintUnavailable(reason) from error
    return found


def _program() -> str:
    """Return squawk's path: beside this Python, else on the search path."""
    own = Path(sysconfig.get_path("scripts")) / "squawk"
    found = str(own) if own.is_file() else shutil.which("squawk")
    if found is None:
        raise LintUnavailable("Das Programm squawk fehlt")
    return found
