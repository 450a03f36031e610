"""Visitors of the application, and the supervisor that lets them come."""

import asyncio
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from leitstand.sandbox import control, visits
from leitstand.sandbox.visitors import BadOrders, Orders, Visitors
from leitstand.sandbox.visits import Visits
from tests.sandbox.supervised import EMPTY, SEED, family, gone

HOST = "app.sandbox.example"
TENANTS = ["11111111-1111-1111-1111-111111111111"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[control.Sandbox]:
    directory: Path = tmp_path_factory.mktemp("visits") / "sandbox"
    started = control.start(directory, SEED, lifeline=True)
    yield started
    started.stop()


@pytest.fixture
def calm(sandbox: control.Sandbox) -> Iterator[control.Sandbox]:
    yield sandbox
    sandbox.stop_visits()


def visitors_of(sandbox: control.Sandbox) -> list[psutil.Process]:
    return visiting(family(sandbox.pid))


def visiting(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if "leitstand.sandbox.visitors" in p.cmdline()]


def test_every_kind_of_visit_is_counted_and_what_was_accepted_is_remembered(
    calm: control.Sandbox,
) -> None:
    assert calm.visits()["running"] is False
    began = calm.start_visits(host=HOST, tenants=TENANTS, token="abc", rate=100)
    assert (True, "abc") == (began["running"], began["token"])
    time.sleep(1.0)

    middle = calm.visits()
    final = calm.stop_visits()

    assert {"page", "read", "search", "write"} == set(final["kinds"])
    for name, kind in final["kinds"].items():
        assert kind["sent"] == kind["ok"] >= middle["kinds"][name]["sent"] > 0
        assert (0, 0, None) == (kind["errors"], kind["unanswered"], kind["last_error"])
        assert 0 == kind["under_way"]
    (accepted,) = final["accepted"]
    assert [1, final["kinds"]["write"]["ok"]] == accepted
    assert final == calm.stop_visits() == calm.visits()
    assert [] == visitors_of(calm)


def test_the_key_stands_in_no_argument_and_no_figure(calm: control.Sandbox) -> None:
    key = "sk-much-too-secret"
    orders = {"gui_host": "llm.sandbox.example", "chat_rate": 20, "key": key}
    calm.start_visits(host=HOST, rate=5, **orders)
    time.sleep(0.5)
    (child,) = visitors_of(calm)
    public = child.as_dict(["cmdline", "environ"])
    report = calm.stop_visits()

    assert public["cmdline"]
    assert key not in str(public)
    assert key not in str(report)
    assert key not in repr(Orders(target="", host="", key=key))
    # No such host is served here: that is an error, and not silence.
    assert report["kinds"]["chat"]["errors"] == report["kinds"]["chat"]["sent"] > 0
    assert {"page", "chat"} == set(report["kinds"])


def test_there_are_visitors_only_once_and_only_with_orders(calm: control.Sandbox) -> None:
    calm.start_visits(host=HOST, rate=5)
    with pytest.raises(control.Refused, match="visitors already"):
        calm.start_visits(host=HOST, rate=5)
    with pytest.raises(control.Refused, match="no orders"):
        calm.start_visits(host=HOST, pace=5)


def test_after_a_slow_answer_the_figures_are_of_now_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look() -> tuple[float, float, float]:
        hosted = Visits(lambda: "http://127.0.0.1:9")
        try:
            began = await hosted.start({"host": HOST, "rate": 5})
            while "now" not in began:
                began = await hosted.report()
            (child,) = visiting(psutil.Process().children())
            monkeypatch.setattr(visits, "_REPORT_SECONDS", 0.2)
            child.suspend()
            late = [await hosted.report() for _ in range(2)][-1]
            child.resume()
            monkeypatch.undo()
            resumed = time.time()
            return late["now"] - began["now"], (await hosted.report())["now"], resumed
        finally:
            await hosted.close()

    late, now, resumed = asyncio.run(look())
    assert (0.0, True) == (late, now >= resumed)


def test_what_is_still_unanswered_at_the_end_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(silent: socket.socket) -> dict[str, object]:
        hosted = Visits(lambda: f"http://127.0.0.1:{silent.getsockname()[1]}")
        try:
            began = await hosted.start({"host": HOST, "rate": 50})
            while not began.get("kinds", {}).get("page", {}).get("under_way"):
                began = await hosted.report()
            monkeypatch.setattr(visits, "_REPORT_SECONDS", 0.5)
            ended: dict[str, object] = (await hosted.stop())["kinds"]["page"]
            return ended
        finally:
            await hosted.close()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = asyncio.run(look(silent))
    assert (0, 0, None) == (ended["sent"], ended["unanswered"], ended["last_error"])
    assert ended["under_way"]


@pytest.mark.parametrize(
    "orders",
    [
        None,
        {"target": "http://10.0.0.1:80", "host": "a"},
        {"target": "http://127.0.0.1:80", "host": "a", "rate": 0},
        {"target": "http://127.0.0.1:80", "host": "a", "rate": "many"},
    ],
)
def test_orders_that_cannot_be_carried_out_are_refused(orders: object) -> None:
    with pytest.raises(BadOrders):
        Orders.from_json(orders)


def test_accepted_numbers_are_kept_as_ranges_whatever_order_they_come_in() -> None:
    visitors = Visitors(Orders("http://127.0.0.1:9", HOST))
    for number in (1, 3, 2, 7, 5, 6, 9):
        visitors._accept(number)
    assert [[1, 3], [5, 7], [9, 9]] == visitors.report()["accepted"]


def test_visitors_end_with_the_sandbox(tmp_path: Path) -> None:
    sandbox = control.start(tmp_path / "sandbox", EMPTY, lifeline=True)
    assert {"running": False} == sandbox.visits()
    sandbox.start_visits(host=HOST, rate=20)
    (child,) = visitors_of(sandbox)
    sandbox.stop()
    assert gone([child], seconds=2)
