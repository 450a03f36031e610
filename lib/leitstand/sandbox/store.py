"""The resources of the sandbox: tables of messages by full name, kept in one file."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import proto
from google.protobuf import json_format
from google.protobuf.message import Message as RawMessage

__all__ = ["JsonTable", "Store", "StoreDamaged", "Table", "raw"]

MessageType = TypeVar("MessageType")

SAVE_AFTER_SECONDS = 0.1


class StoreDamaged(Exception):
    """The state file cannot be read.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"The state file {path} cannot be read: {cause}. Reset the sandbox.")
        self.path = path


def raw(message: Any) -> RawMessage:
    """The protobuf message inside a proto-plus message; a protobuf message is returned as it is."""
    if isinstance(message, proto.Message):
        return cast(RawMessage, type(message).pb(message))
    return cast(RawMessage, message)


class Table(MutableMapping[str, MessageType], Generic[MessageType]):
    """Messages of one type by full resource name, in the order they were added.

    The messages are the live ones: after changing one in place, assign it again to have it saved.
    """

    def __init__(
        self, store: Store, message_type: type[MessageType], saved: dict[str, dict[str, Any]]
    ) -> None:
        self._store = store
        self._saved = saved
        self._messages: dict[str, MessageType] = {
            name: _message(message_type, text) for name, text in saved.items()
        }
        self._changed: set[str] = set()

    def __getitem__(self, name: str) -> MessageType:
        return self._messages[name]

    def __setitem__(self, name: str, message: MessageType) -> None:
        self._messages[name] = message
        self._changed.add(name)
        self._store.changed()

    def __delitem__(self, name: str) -> None:
        del self._messages[name]
        self._saved.pop(name, None)
        self._changed.discard(name)
        self._store.changed()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._messages))

    def __len__(self) -> int:
        return len(self._messages)

    def collect(self, everything: bool) -> None:
        """Bring what will be written up to date: what was assigned since, or every message."""
        for name in list(self._messages) if everything else list(self._changed):
            self._saved[name] = json_format.MessageToDict(
                raw(self._messages[name]), preserving_proto_field_name=True
            )
        self._changed.clear()

    def refill(self, name: str, text: dict[str, Any]) -> None:
        """Let the live message of that name have other contents."""
        message = raw(self._messages[name])
        message.Clear()
        json_format.ParseDict(text, message, ignore_unknown_fields=True)
        self[name] = self._messages[name]


class JsonTable(MutableMapping[str, dict[str, Any]]):
    """JSON objects by full resource name, in the order they were added.

    The objects are the live ones: after changing one in place, assign it again to have it saved.
    """

    def __init__(self, store: Store, saved: dict[str, dict[str, Any]]) -> None:
        self._store = store
        self._saved = saved

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self._saved[name]

    def __setitem__(self, name: str, content: dict[str, Any]) -> None:
        # What JSON cannot hold must fail here, not when the file is written.
        json.dumps(content)
        self._saved[name] = content
        self._store.changed()

    def __delitem__(self, name: str) -> None:
        del self._saved[name]
        self._store.changed()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._saved))

    def __len__(self) -> int:
        return len(self._saved)

    def collect(self, everything: bool) -> None:
        """Nothing: what will be written is the objects themselves."""


class Store:
    """All tables of one sandbox, in `state.json` of its directory (mode 0600).

    Changes are written atomically a moment after they are made, and at `save()`. Belongs to one
    event loop; no other process may write the file.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "state.json"
        self._texts: dict[str, dict[str, dict[str, Any]]] = {}
        self._tables: dict[str, Table[Any] | JsonTable] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.is_new = not self.path.exists()
        if not self.is_new:
            self._texts = self._read()

    def table(self, name: str, message_type: type[MessageType]) -> MutableMapping[str, MessageType]:
        """The table of that name; made empty, or from the file, at the first call."""
        if name not in self._tables:
            texts = self._texts.setdefault(name, {})
            try:
                self._tables[name] = Table(self, message_type, texts)
            except json_format.ParseError as error:
                raise StoreDamaged(self.path, str(error)) from error
        return cast(MutableMapping[str, MessageType], self._tables[name])

    def json_table(self, name: str) -> MutableMapping[str, dict[str, Any]]:
        """The table of that name whose entries are plain JSON objects; made at the first call."""
        if name not in self._tables:
            self._tables[name] = JsonTable(self, self._texts.setdefault(name, {}))
        return cast(MutableMapping[str, dict[str, Any]], self._tables[name])

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """How many entries each table has whose name begins so; without empty ones."""
        known: dict[str, Any] = {**self._texts, **self._tables}
        found = ((name, len(known[name])) for name in sorted(known) if name.startswith(prefix))
        return {name: size for name, size in found if size}

    def holds(self, name: str) -> bool:
        """Whether the table of that name has entries, without reading them as messages."""
        if name in self._tables:
            return len(self._tables[name]) > 0
        return bool(self._texts.get(name))

    def has(self, table: str, name: str) -> bool:
        """Whether a table has that entry, without reading entries as messages."""
        return name in self._tables.get(table, self._texts.get(table, {}))

    def texts(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Every table as JSON, as it would be written now; only to be read."""
        for table in self._tables.values():
            table.collect(True)
        return self._texts

    def replace(self, texts: dict[str, dict[str, dict[str, Any]]]) -> None:
        """Let entries be as `texts` has them; the live messages change, none comes or goes.

        Args:
            texts: Tables as `texts()` gave them, in a copy; others stay as they are.
        """
        for name, entries in texts.items():
            if entries == self._texts[name]:
                continue
            table = self._tables.get(name)
            for key, entry in entries.items():
                if entry == self._texts[name][key]:
                    continue
                if isinstance(table, Table):
                    table.refill(key, entry)
                else:
                    self._texts[name][key].clear()
                    self._texts[name][key].update(entry)
        self.changed()

    def drop(self, name: str) -> None:
        """Forget what the file holds of a table that was not read yet."""
        if name in self._tables:
            raise ValueError(f"the table {name} is in use")
        if self._texts.pop(name, None) is not None:
            self.changed()

    def clear(self) -> None:
        """Empty every table, the file included."""
        for table in self._tables.values():
            table.clear()
        for texts in self._texts.values():
            texts.clear()
        self.changed()

    def changed(self) -> None:
        """Have the file written soon (at the next `save()` where no event loop runs)."""
        if self._timer is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._timer = loop.call_later(SAVE_AFTER_SECONDS, self.flush)

    def save(self) -> None:
        """Write every table now, messages changed in place included."""
        self._write(everything=True)

    def flush(self) -> None:
        """Write now what was assigned since the last time."""
        self._write(everything=False)

    def _write(self, everything: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for table in self._tables.values():
            table.collect(everything)
        text = json.dumps(self._texts, separators=(",", ":"))
        part = self.path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, self.path)

    def _read(self) -> dict[str, dict[str, dict[str, Any]]]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreDamaged(self.path, str(error)) from error
        if not isinstance(content, dict):
            raise StoreDamaged(self.path, "it holds no tables")
        return content


def _message(message_type: Any, text: dict[str, Any]) -> Any:
    message = message_type()
    json_format.ParseDict(text, raw(message), ignore_unknown_fields=True)
    return message
