"""Stands in front of everything that a kernel sends, and masks secrets in it.

So nothing secret reaches JupyterLab, papermill or a file, whoever executes the notebook.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from leitstand.audit.redaction.outputs import is_binary
from leitstand.audit.run_redactor import LockedStream, RunRedactor

__all__ = ["CUT", "MOST_RICH", "MOST_TEXT", "KernelRedaction", "Listener", "redact_kernel"]

MOST_TEXT: Final = 2 * 1024 * 1024
"""Characters of plain text that a cell's stream or an output shows at most.

No one reads more, and each character is looked at before it goes out.
"""
MOST_RICH: Final = 8 * 1024 * 1024
"""Characters of an output's other forms, such as HTML; a longer form is left out."""
CUT: Final = "\n[… ab hier nicht aufgezeichnet: Die Ausgabe ist zu groß.]\n"
_HIDDEN: Final = "[nicht gezeigt: Die Ausgabe ließ sich nicht auf Geheimnisse prüfen.]"
_OUTPUTS: Final = frozenset({"display_data", "update_display_data", "execute_result", "error"})
_IN_ORDER: Final = frozenset({"display_data", "execute_result", "error", "clear_output"})
"""Before these, text that waits goes out, so that they stand where they were made."""
_TOLD: Final = frozenset({"stream", "clear_output"})
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "execute_input": ("code",),
    "execute_reply": ("user_expressions", "payload", "ename", "evalue", "traceback"),
    "inspect_reply": ("data", "metadata"),
    "input_request": ("prompt",),
    "comm_open": ("data",),
    "comm_msg": ("data",),
    "comm_close": ("data",),
}
"""What is masked of other messages; their ids stay, and so do their binary buffers."""

Message = dict[str, Any]
Listener = Callable[[str, Mapping[str, Any], Message], None]
"""Told kind, header of the request and masked content of what was sent."""


def redact_kernel(session: Any, redactor: RunRedactor) -> "KernelRedaction":
    """Mask what a kernel sends from now on; a second run of the same kernel takes over.

    Args:
        session: The kernel's session (jupyter_client).
        redactor: Of the run.
    """
    placed = getattr(session.send, "__self__", None)
    if isinstance(placed, KernelRedaction):
        placed.serve(redactor)
        return placed
    redaction = KernelRedaction(session, redactor)
    session.send = redaction.send
    return redaction


class KernelRedaction:
    """Takes the place of a session's ``send``; any thread may call it.

    What cannot be looked at is not sent, a sentence is sent in its place.
    """

    def __init__(self, session: Any, redactor: RunRedactor) -> None:
        self._session = session
        self._send = session.send
        self._redactor = redactor
        self._lock = threading.RLock()
        self._streams: dict[str, _Stream] = {}
        self._listener: Listener | None = None
        self._vouched: deque[dict[str, Any]] = deque(maxlen=4)

    def listen(self, listener: Listener) -> None:
        """From now on tell somebody what cells show, as it goes out."""
        with self._lock:
            self._listener = listener

    def vouch(self, data: Mapping[str, Any]) -> None:
        """Let exactly this data out as it is: it was put together from what is masked already."""
        with self._lock:
            self._vouched.append(dict(data))

    def serve(self, redactor: RunRedactor) -> None:
        """Work for another run from now on; what the earlier one knows stays masked."""
        with self._lock:
            if redactor is not self._redactor:
                self.flush()
                self._redactor.follow(redactor.learn)
                self._redactor = redactor
                self._streams.clear()

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        """Send a message as ``Session.send`` does, without secrets."""
        if isinstance(msg_or_type, dict):
            message: Message = dict(msg_or_type)
        else:
            message = self._session.msg(
                msg_or_type, content=content, parent=parent, header=header, metadata=metadata
            )
        kind = message["header"]["msg_type"]
        with self._lock:
            if kind == "stream":
                text = self._fed(stream, message, ident)
                if not text:
                    return message
                message["content"] = {**message["content"], "text": text}
            elif kind in _IN_ORDER:
                self.flush()
            elif kind == "status" and message["content"].get("execution_state") == "idle":
                self.flush(message.get("parent_header"), end=True)
            if kind in _OUTPUTS or kind in _PARTS:
                message["content"] = self._masked(kind, message["content"])
            self._tell(kind, message.get("parent_header"), message["content"])
            return self._send(stream, message, ident=ident, buffers=buffers, track=track)

    def flush(self, parent: Mapping[str, Any] | None = None, *, end: bool = False) -> None:
        """Send the text that waits: all, or that of the request which ends."""
        with self._lock:
            for name, held in self._streams.items():
                if parent is None or held.parent.get("msg_id") == parent.get("msg_id"):
                    self._let_go(name, held)
                    if end:
                        held.shown = 0

    def _fed(self, stream: Any, message: Message, ident: Any) -> str:
        """Return what of a stream's next piece can go out now."""
        name, text = str(message["content"]["name"]), str(message["content"]["text"])
        parent = message.get("parent_header") or {}
        held = self._streams.get(name)
        if held is None:
            held = self._streams[name] = _Stream(self._redactor.stream())
        elif held.parent.get("msg_id") != parent.get("msg_id"):
            self._let_go(name, held)
            held.shown = 0
        held.socket, held.parent, held.ident = stream, parent, ident
        if held.shown > MOST_TEXT:
            return ""
        cut = held.shown + len(text) > MOST_TEXT
        text = text[: MOST_TEXT - held.shown]
        held.shown += len(text) + cut
        try:
            shown = held.pieces.feed(text)
            if cut:  # the last line may end within a secret, and is left out
                held.pieces, shown = self._redactor.stream(), shown + CUT
            return shown
        except Exception:  # noqa: BLE001  # whatever it is, the text must not go out
            held.pieces = self._redactor.stream()
            return _HIDDEN

    def _let_go(self, name: str, held: "_Stream") -> None:
        try:
            text = held.pieces.flush()
        except Exception:  # noqa: BLE001  # whatever it is, the text must not go out
            held.pieces, text = self._redactor.stream(), _HIDDEN
        if text:
            content = {"name": name, "text": text}
            message = self._session.msg("stream", content=content, parent=held.parent)
            self._tell("stream", held.parent, content)
            self._send(held.socket, message, ident=held.ident)

    def _tell(self, kind: str, parent: Mapping[str, Any] | None, content: Message) -> None:
        if self._listener is not None and (kind in _TOLD or kind in _OUTPUTS):
            self._listener(kind, parent or {}, content)

    def _masked(self, kind: str, content: Any) -> Any:
        try:
            if kind in _OUTPUTS:
                return self._output(content)
            return {
                name: self._redactor.data(value) if name in _PARTS[kind] else value
                for name, value in content.items()
            }
        except Exception:  # noqa: BLE001  # whatever it is, the content must not go out
            return _without_content(kind, content)

    def _output(self, content: Message) -> Message:
        if content.get("data") in self._vouched and not content.get("metadata"):
            return content
        shown = {name: value for name, value in content.items() if name in _SHOWN}
        if isinstance(shown.get("data"), Mapping):
            shown["data"] = _bounded_bundle(shown["data"])
        for name in ("evalue", "traceback"):
            if name in shown:
                shown[name] = _bounded(shown[name])
        return {**content, **self._redactor.output(shown)}


_SHOWN: Final = frozenset({"data", "metadata", "ename", "evalue", "traceback"})


class _Stream:
    """Stdout or stderr, and to whom its waiting text goes.

    Attributes:
        pieces: What masks it.
        shown: Characters that the cell has written so far.
        socket: Where it goes.
        parent: Header of the request that it answers.
        ident: Its topic.
    """

    def __init__(self, pieces: LockedStream) -> None:
        self.pieces = pieces
        self.shown = 0
        self.socket: Any = None
        self.parent: Mapping[str, Any] = {}
        self.ident: Any = None


def _bounded(value: Any) -> Any:
    """Return the whole lines, or words, with which a text begins that is too long."""
    if isinstance(value, list):
        return [_bounded(item) for item in value]
    if not isinstance(value, str) or len(value) <= MOST_TEXT:
        return value
    begin = value[:MOST_TEXT]
    end = max(begin.rfind("\n"), 0) or max(begin.rfind(" "), 0) or MOST_TEXT
    return begin[:end] + CUT


def _bounded_bundle(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out rich forms that are too large; of a plain one keep the beginning."""
    kept = {
        mime: _bounded(form) if mime == "text/plain" else form
        for mime, form in bundle.items()
        if mime == "text/plain" or is_binary(mime) or _size(form) <= MOST_RICH
    }
    return kept if kept or not bundle else {"text/plain": CUT.strip()}


def _size(form: object) -> int:
    return len(form) if isinstance(form, str) else len(json.dumps(form, default=str))


def _without_content(kind: str, content: Message) -> Message:
    """Return a message that says nothing but that it was held back."""
    if kind == "error":
        return {"ename": "Error", "evalue": _HIDDEN, "traceback": [_HIDDEN]}
    if kind in _OUTPUTS:
        return {**content, "data": {"text/plain": _HIDDEN}, "metadata": {}}
    emptied: dict[str, object] = {
        "user_expressions": {}, "payload": [], "traceback": [_HIDDEN], "data": {}, "metadata": {},
    }  # fmt: skip
    return {
        name: emptied.get(name, _HIDDEN) if name in _PARTS[kind] else value
        for name, value in content.items()
    }
