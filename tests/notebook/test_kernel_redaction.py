"""What stands in front of a kernel's messages."""

import json
import threading
from typing import Any

import pytest
from jupyter_client.session import Session

from leitstand.audit.redaction import MARK
from leitstand.audit.run_redactor import RunRedactor
from leitstand.notebook.kernel_redaction import CUT, MOST_RICH, KernelRedaction, redact_kernel

TOKEN = "ghp_Zr8Kq2Lm5Np7Tv9Wx3Yb1Cd4Ef6Gh0Ij2Kl3"
VALUE = "q7Wz-4kLm_9XyT2vB8nR"


class Socket:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[list[bytes]] = []

    def send_multipart(self, parts: list[bytes], **_: object) -> None:
        self.sent.append([bytes(part) for part in parts])


class Wire:
    """A kernel's session whose messages are masked."""

    def __init__(self) -> None:
        self.session = Session(key=b"k")
        self.redactor = RunRedactor(bytes(32))
        self.redaction = redact_kernel(self.session, self.redactor)
        self.socket = Socket()
        self.parents = [self.session.msg("execute_request")["header"] for _ in range(2)]

    def send(self, kind: str, *, cell: int = 0, **content: object) -> Any:
        return self.session.send(self.socket, kind, content, parent=self.parents[cell])

    def print(self, text: str, *, cell: int = 0, name: str = "stdout") -> None:
        self.send("stream", cell=cell, name=name, text=text)

    def idle(self, *, cell: int = 0) -> None:
        self.send("status", cell=cell, execution_state="idle")

    @property
    def messages(self) -> list[tuple[str, dict[str, Any], int]]:
        """Return kind, content and cell of what was sent."""
        found = []
        for parts in self.socket.sent:
            header, parent, _, content = map(json.loads, parts[parts.index(b"<IDS|MSG>") + 2 :][:4])
            cell = [one["msg_id"] for one in self.parents].index(parent["msg_id"])
            found.append((header["msg_type"], content, cell))
        return found

    @property
    def said(self) -> list[object]:
        """Return texts, or kinds, in the order in which they were sent."""
        return [content.get("text", kind) for kind, content, _ in self.messages]


@pytest.fixture
def wire() -> Wire:
    made = Wire()
    made.redactor.learn([VALUE])
    return made


def test_whole_lines_go_out_and_the_last_one_waits_for_the_end_of_its_cell(wire: Wire):
    wire.print("eins\nzw")
    wire.print("ei")
    wire.idle()
    assert ["eins\n", "zwei", "status"] == wire.said


def test_a_secret_in_pieces_has_one_mark(wire: Wire):
    for character in f"Token {TOKEN}, {VALUE}":
        wire.print(character)
    wire.idle()
    (text, _) = wire.said
    assert f"Token {wire.redactor.text(TOKEN)}, {wire.redactor.text(VALUE)}" == text


def test_what_waits_is_sent_before_the_next_cell_prints_and_in_its_own_name(wire: Wire):
    wire.print("eins")
    wire.print("zwei\n", cell=1)
    assert [("eins", 0), ("zwei\n", 1)] == [(c["text"], cell) for _, c, cell in wire.messages]


def test_the_end_of_another_request_does_not_cut_a_line(wire: Wire):
    wire.print("ei")
    wire.idle(cell=1)
    wire.print("ns\n")
    assert ["status", "eins\n"] == wire.said


def test_an_output_stands_behind_the_text_before_it_and_progress_does_not_cut_it(wire: Wire):
    wire.print("vor")
    wire.send("update_display_data", data={"text/plain": "läuft"}, metadata={}, transient={})
    wire.print("her")
    wire.send("display_data", data={"text/plain": "Bild"}, metadata={}, transient={})
    assert ["update_display_data", "vorher", "display_data"] == wire.said


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("error", {"ename": "E", "evalue": TOKEN, "traceback": [f"a {VALUE}", TOKEN]}),
        ("execute_reply", {"status": "error", "ename": "E", "evalue": TOKEN}),
        ("execute_reply", {"status": "ok", "user_expressions": {"a": {"text/plain": VALUE}},
                           "payload": [{"source": "page", "data": {"text/plain": TOKEN}}]}),
        ("execute_input", {"code": f"url = '{TOKEN}'", "execution_count": 3}),
        ("execute_result", {"data": {"text/html": f"<b>{VALUE}</b>"}, "metadata": {"a": TOKEN},
                            "execution_count": 3}),
        ("comm_open", {"comm_id": "c", "target_name": "t", "data": {"state": {"value": TOKEN}}}),
        ("comm_msg", {"comm_id": "c", "data": {"state": {"value": VALUE}}}),
        ("input_request", {"prompt": f"{TOKEN}?", "password": False}),
    ],
)  # fmt: skip
def test_no_message_shows_a_secret_and_its_ids_stay(
    wire: Wire, kind: str, content: dict[str, object]
):
    wire.send(kind, **content)
    ((sent, shown, _),) = wire.messages
    assert kind == sent
    assert not any(secret in json.dumps(shown) for secret in (TOKEN, VALUE))
    assert MARK.search(json.dumps(shown))
    for name in {"status", "ename", "execution_count", "comm_id", "target_name"} & content.keys():
        assert content[name] == shown[name]


def test_progress_and_its_display_id_stay_as_they_are(wire: Wire):
    from leitstand.notebook.progress import ProgressState, bundle

    data = bundle(ProgressState("one", "Warten auf 10 %", "running", 1.5, 30.0, "web-00042-kbd"))
    transient = {"display_id": "leitstand-0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
    wire.send("display_data", data=data, metadata={}, transient=transient)
    assert [{"data": data, "metadata": {}, "transient": transient}] == [
        content for _, content, _ in wire.messages
    ]


def test_binary_buffers_and_images_are_not_touched(wire: Wire):
    wire.session.send(wire.socket, "comm_msg", {"comm_id": "c", "data": {}},
                      parent=wire.parents[0], buffers=[VALUE.encode()])  # fmt: skip
    assert VALUE.encode() == wire.socket.sent[0][-1]
    wire.send("display_data", data={"image/png": "A" * 9_000_000}, metadata={}, transient={})
    assert 9_000_000 == len(wire.messages[1][1]["data"]["image/png"])


def test_a_form_that_is_too_large_is_left_out_and_the_plain_one_stays(wire: Wire):
    data = {"text/html": "a " * (MOST_RICH // 2 + 1), "text/plain": "Tabelle"}
    wire.send("display_data", data=data, metadata={}, transient={})
    wire.send("display_data", data={"text/html": data["text/html"]}, metadata={}, transient={})
    assert [{"text/plain": "Tabelle"}, {"text/plain": CUT.strip()}] == [
        content["data"] for _, content, _ in wire.messages
    ]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("stream", {"name": "stdout", "text": f"{TOKEN}\n"}),
        ("display_data", {"data": {"text/plain": TOKEN}, "metadata": {"a": TOKEN}}),
        ("error", {"ename": "E", "evalue": TOKEN, "traceback": [TOKEN]}),
        ("execute_reply", {"status": "error", "ename": TOKEN, "evalue": TOKEN, "traceback": []}),
        ("comm_msg", {"comm_id": "c", "data": {"value": TOKEN}}),
    ],
)
def test_what_cannot_be_looked_at_is_not_sent(
    wire: Wire, kind: str, content: dict[str, object], monkeypatch: Any
):
    def fail(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr("leitstand.audit.redaction.redactor.Redactor.find", fail)
    wire.send(kind, **content)
    wire.idle()
    (kept, _) = wire.messages
    assert kind == kept[0]
    assert TOKEN not in json.dumps(kept[1])
    assert "nicht gezeigt" in json.dumps(kept[1]) or kind == "comm_msg"


def test_threads_may_print_at_the_same_time(wire: Wire):
    def show(name: str) -> None:
        for number in range(40):
            wire.print(f"{number} {TOKEN}\n", name=name)

    threads = [threading.Thread(target=show, args=(name,)) for name in ("stdout", "stderr")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = "".join(map(str, wire.said))
    assert (80, 80, False) == (len(MARK.findall(text)), text.count("\n"), TOKEN in text)


def test_a_second_run_of_the_same_kernel_takes_over_and_forgets_nothing(wire: Wire):
    second = RunRedactor(bytes(range(32)))
    assert wire.redaction is redact_kernel(wire.session, second)
    wire.redactor.learn(["another-value-7Xq"])
    wire.print(f"{VALUE} another-value-7Xq\n")
    wire.idle()
    assert [second.text(f"{VALUE} another-value-7Xq\n"), "status"] == wire.said
    assert isinstance(wire.session.send.__self__, KernelRedaction)


def test_only_the_very_data_that_was_vouched_for_goes_out_unread(wire: Wire):
    data = {"text/plain": f"Stand {VALUE}"}
    wire.redaction.vouch(data)
    wire.send("update_display_data", data=data, metadata={}, transient={})
    wire.send("update_display_data", data={"text/plain": f"Stand  {VALUE}"}, metadata={})
    wire.send("update_display_data", data=data, metadata={"a": VALUE}, transient={})
    shown = [VALUE in json.dumps(content) for _, content, _ in wire.messages]
    assert [True, False, False] == shown


def test_whoever_listens_hears_what_goes_out_and_no_secret(wire: Wire):
    heard: list[tuple[str, str, object]] = []
    wire.redaction.listen(lambda kind, parent, content: heard.append(
        (kind, parent["msg_id"], content.get("text") or content.get("evalue"))
    ))  # fmt: skip
    wire.print(f"eins {VALUE}\nzwei")
    wire.send("error", ename="E", evalue=VALUE, traceback=[])
    cell, mark = wire.parents[0]["msg_id"], wire.redactor.text(VALUE)
    assert [
        ("stream", cell, f"eins {mark}\n"), ("stream", cell, "zwei"), ("error", cell, mark)
    ] == heard  # fmt: skip
