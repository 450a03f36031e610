"""Maintenance of vector indexes as commands; none of them stands in a transaction."""

from collections.abc import Mapping
from typing import Any

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.shell import sql_block
from leitstand.core.commands.sql_text import identifier, literal, options
from leitstand.core.german import number, percent
from leitstand.core.plan import Action

__all__ = ["VECTORS"]

_LOCK_SECONDS = 60.0
_VALID = """SELECT class.relname, index.indisvalid, pg_size_pretty(pg_relation_size(class.oid))
FROM pg_index AS index JOIN pg_class AS class ON class.oid = index.indexrelid
WHERE index.indrelid = {table}::regclass ORDER BY 1;"""
_ONE_AT_A_TIME = "Nur ein Index einer Tabelle lässt sich zur selben Zeit bauen."


def _extension(action: Action, setting: Setting) -> Block:
    version = str(action.arguments["version"])
    return Block(
        f"pgvector auf {version} aktualisieren; einen Moment lang kann niemand seine Typen nutzen.",
        (_run(action, setting, f"ALTER EXTENSION vector UPDATE TO {literal(version)};"),),
        f"Die Version muss {version} sein; offene Sitzungen behalten die alte, bis sie enden.",
        (_run(action, setting, "SELECT extversion FROM pg_extension WHERE extname = 'vector';"),),
    )


def _drop(action: Action, setting: Setting) -> Block:
    name = _index(action, "index")
    oid = int(action.arguments.get("oid") or 0)
    note = f"Vergewissern Sie sich, dass es noch der Index mit der oid {oid} ist."
    return Block(
        f"Den Index {_shown(action, 'index')} löschen.",
        (_run(action, setting, f"DROP INDEX CONCURRENTLY IF EXISTS {name};"),),
        "Der Index darf nicht mehr in der Liste stehen.",
        (_indexes(action, setting),),
        (note,) if oid else (),
    )


def _reindex(action: Action, setting: Setting) -> Block:
    name = _index(action, "index")
    return Block(
        f"Den Index {_shown(action, 'index')} neu bauen.",
        (_run(action, setting, f"REINDEX INDEX CONCURRENTLY {name};"),),
        "Der Index muss gültig sein (`indisvalid`), und kein Rest auf `_ccnew` oder `_ccold` darf"
        " da sein; einen Rest löschen Sie mit DROP INDEX CONCURRENTLY.",
        (_indexes(action, setting),),
        (_ONE_AT_A_TIME,),
    )


def _build(action: Action, setting: Setting) -> Block:
    statement = _create(action, action.arguments["index"], action.arguments)
    return Block(
        f"Den Index {_shown(action, 'index')} ({action.arguments['method']}) bauen.",
        (_run(action, setting, statement),),
        "Der Index muss gültig sein (`indisvalid`). Ist er es nicht, löschen Sie ihn und bauen ihn"
        " noch einmal.",
        (_indexes(action, setting),),
        (_ONE_AT_A_TIME,),
    )


def _exchange(action: Action, setting: Setting) -> Block:
    arguments = action.arguments
    old, new, final = (str(arguments[key]) for key in ("old", "new", "final"))
    statements = (
        f"DROP INDEX CONCURRENTLY IF EXISTS {_named(action, old)};",
        f"COMMENT ON INDEX {_named(action, new)} IS NULL;",
        f"ALTER INDEX {_named(action, new)} RENAME TO {identifier(final)};",
    )
    keep = f"DROP INDEX CONCURRENTLY IF EXISTS {_named(action, new)};"
    gate = arguments.get("gate") or {}
    share, ratio = (
        percent(float(gate.get("minimum", 0))),
        number(float(gate.get("latency_ratio", 1))),
    )
    measured = (
        f"Das Runbook tauscht nur, wenn der neue Index mindestens {share} der"
        f" exakten Treffer findet und nicht mehr als {ratio}-mal so lange braucht."
        " Von Hand: Vergleichen Sie als Rolle der Anwendung mit gesetztem Mandanten die Treffer"
        " mit denen nach SET LOCAL enable_indexscan = off. Ist er schlechter, nehmen Sie den"
        " zweiten Befehl statt des ersten."
        if gate
        else "Den zweiten Befehl nehmen Sie statt des ersten, wenn der neue Index nichts taugt."
    )
    return Block(
        f"Den Index {arguments['schema']}.{new} an die Stelle von {old} setzen.",
        (_run(action, setting, *statements), _run(action, setting, keep)),
        f"Gültig und da sein muss {final}, ohne {new} daneben.",
        (_indexes(action, setting),),
        (measured,),
    )


def _vacuum(action: Action, setting: Setting) -> Block:
    return Block(
        f"Tote Zeilen aus {_shown(action, 'table')} räumen.",
        (_run(action, setting, f"VACUUM {_index(action, 'table')};"),),
        "n_dead_tup muss klein sein.",
        (_statistics(action, setting),),
    )


def _analyze(action: Action, setting: Setting) -> Block:
    return Block(
        f"Die Statistik von {_shown(action, 'table')} neu rechnen.",
        (_run(action, setting, f"ANALYZE {_index(action, 'table')};"),),
        "last_analyze muss von eben sein.",
        (_statistics(action, setting),),
    )


def _run(action: Action, setting: Setting, *statements: str) -> str:
    arguments: Mapping[str, Any] = action.arguments
    seconds = float(arguments.get("lock_seconds") or _LOCK_SECONDS)
    limits = [f"SET lock_timeout TO '{round(seconds * 1000)}ms';", "SET statement_timeout TO 0;"]
    if memory := int(arguments.get("memory") or 0):
        limits.append(f"SET maintenance_work_mem TO '{memory // 1024}kB';")
    if (workers := arguments.get("workers")) is not None:
        limits.append(f"SET max_parallel_maintenance_workers TO {int(workers)};")
    instance = action.target.partition("/databases/")[0]
    return sql_block(setting, instance, *limits, *statements)


def _create(action: Action, index: str, definition: Mapping[str, Any]) -> str:
    return (
        f"CREATE INDEX CONCURRENTLY {identifier(index)} ON {_index(action, 'table')}"
        f" USING {identifier(definition['method'])}"
        f" ({identifier(definition['column'])} {identifier(definition['operator_class'])})"
        f"{options(definition['options'])};"
    )


def _indexes(action: Action, setting: Setting) -> str:
    instance = action.target.partition("/databases/")[0]
    table = literal(_index(action, "table"))
    return sql_block(setting, instance, _VALID.replace("{table}", table))


def _statistics(action: Action, setting: Setting) -> str:
    schema, table = literal(action.arguments["schema"]), literal(action.arguments["table"])
    instance = action.target.partition("/databases/")[0]
    return sql_block(
        setting,
        instance,
        "SELECT n_live_tup, n_dead_tup, last_vacuum, last_analyze FROM pg_stat_user_tables",
        f"WHERE schemaname = {schema} AND relname = {table};",
    )


def _index(action: Action, key: str) -> str:
    return _named(action, str(action.arguments[key]))


def _named(action: Action, name: str) -> str:
    return identifier(action.arguments["schema"], name)


def _shown(action: Action, key: str) -> str:
    return f"{action.arguments['schema']}.{action.arguments[key]}"


VECTORS: Mapping[str, Writer] = {
    "vector_extension": _extension,
    "vector_leftover": _drop,
    "vector_reindex": _reindex,
    "vector_build": _build,
    "vector_exchange": _exchange,
    "vector_drop": _drop,
    "vector_vacuum": _vacuum,
    "vector_analyze": _analyze,
}
