"""Puts together what cells show from the messages of a kernel, as a notebook keeps it."""

import threading
from collections.abc import Mapping
from typing import Any

__all__ = ["CellOutputs"]

Output = dict[str, Any]


class CellOutputs:
    """What each request to a kernel has shown; any thread may add to it.

    Texts are as they went out: with marks in the place of secrets.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, list[Output]] = {}
        self._shown: dict[str, list[Output]] = {}
        self._clear: set[str] = set()

    def open(self, request: str) -> None:
        """Keep what this request shows from now on."""
        with self._lock:
            self._of.setdefault(request, [])

    def of(self, request: str) -> list[Output]:
        """Return what a request has shown so far; updates still change it."""
        with self._lock:
            return self._of.get(request, [])

    def take(self, kind: str, parent: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        """Add a message; those of requests that are not kept are left out."""
        with self._lock:
            request = str(parent.get("msg_id", ""))
            if kind == "update_display_data":
                self._update(content)
            elif (outputs := self._of.get(request)) is not None:
                self._add(kind, request, outputs, content)

    def _add(
        self, kind: str, request: str, outputs: list[Output], content: Mapping[str, Any]
    ) -> None:
        if kind == "clear_output":
            if content.get("wait"):
                self._clear.add(request)
            else:
                outputs.clear()
            return
        if request in self._clear:
            self._clear.discard(request)
            outputs.clear()
        if kind == "stream":
            name, text = content.get("name"), str(content.get("text", ""))
            last = outputs[-1] if outputs else {}
            if last.get("output_type") == "stream" and last.get("name") == name:
                last["text"] += text
            else:
                outputs.append({"output_type": "stream", "name": name, "text": text})
        elif kind == "error":
            fields = ("ename", "evalue", "traceback")
            outputs.append({"output_type": "error", **{name: content[name] for name in fields}})
        else:
            self._display(kind, outputs, content)

    def _display(self, kind: str, outputs: list[Output], content: Mapping[str, Any]) -> None:
        output: Output = {"output_type": kind, "data": dict(content.get("data") or {})}
        output["metadata"] = dict(content.get("metadata") or {})
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        outputs.append(output)
        if display := (content.get("transient") or {}).get("display_id"):
            self._shown.setdefault(str(display), []).append(output)

    def _update(self, content: Mapping[str, Any]) -> None:
        display = str((content.get("transient") or {}).get("display_id", ""))
        for output in self._shown.get(display, ()):
            output["data"] = dict(content.get("data") or {})
            output["metadata"] = dict(content.get("metadata") or {})
