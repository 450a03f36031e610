"""Visitors of the application: `python -m leitstand.sandbox.visitors`, orders on standard input.

The first line of standard input is JSON that says where to go and how often (Orders); it holds the
key of the gateway, which therefore never stands among arguments. Each further line is answered with
the figures so far, and the last line that is written holds the final ones. It ends with its
standard input (lifeline).

Every kind of request has workers and a pace of its own, so that a page that hangs does not hide how
the others fare. All are closed loops: a worker waits for its answer before it asks again.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from leitstand.sandbox.pace import Pace

__all__ = ["BadOrders", "Orders", "Visitors", "main"]

TIMEOUT = 10.0
SHARES = {"page": 0.35, "read": 0.3, "search": 0.25, "write": 0.1}
"""What visitors of the application do, and how often."""
WORKERS = 3
"""Of each kind."""
WORDS = ("Pumpe", "Wartung", "Ventil", "Prüfbericht", "Kessel", "Schulung", "Druck", "Filter")
MODEL = "gpt-4o"
PRINCIPAL = "user:besuch@example.com"


class BadOrders(ValueError):
    """The orders cannot be carried out; the message says why."""


@dataclass(frozen=True)
class Orders:
    """Where visitors go, and how often.

    Attributes:
        target: Address of the front door.
        host: The application's host.
        tenants: Ids of the tenants whose documents are read, searched and written.
        token: Part of the titles of what is written: `besuch-TOKEN-N`.
        rate: Requests per second to the application.
        gui_host: Host of the gateway; empty for no chats.
        chat_rate: Chat requests per second.
        key: Of the gateway; secret.
        principal: Who asks there, as Identity-Aware Proxy sees it.
    """

    target: str
    host: str
    tenants: Sequence[str] = ()
    token: str = ""
    rate: float = 20.0
    gui_host: str = ""
    chat_rate: float = 0.0
    key: str = field(default="", repr=False)
    principal: str = PRINCIPAL

    @classmethod
    def from_json(cls, content: Any) -> Orders:
        """Check and take orders.

        Raises:
            BadOrders: They cannot be carried out.
        """
        try:
            orders = cls(**content)
            address = urlsplit(orders.target)
            usable = address.scheme == "http" and address.hostname == "127.0.0.1"
            usable = usable and 0 < orders.rate <= 1000 and 0 <= orders.chat_rate <= 1000
        except (TypeError, ValueError):
            raise BadOrders("These are no orders for visitors.") from None
        if not usable:
            raise BadOrders("Visitors need a loopback address and rates up to 1000 a second.")
        return orders


class _Kind:
    """The requests of one kind: their pace and their figures."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.statuses: Counter[int] = Counter()
        self.unanswered = 0
        self.under_way = 0
        self.moments: dict[str, float | None] = {"last_error": None, "last_ok": None}

    def as_json(self) -> dict[str, Any]:
        answered = sum(self.statuses.values())
        ok = sum(count for status, count in self.statuses.items() if status < 400)
        return {
            "sent": answered + self.unanswered,
            "ok": ok,
            "errors": answered - ok,
            "unanswered": self.unanswered,
            "under_way": self.under_way,
            **self.moments,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
        }


class Visitors:
    """All visitors together.

    Args:
        orders: Where they go, and how often.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        address = urlsplit(orders.target)
        self._place = (str(address.hostname), address.port or 80)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._began = time.time()
        self._accepted: list[list[int]] = []
        rates = {
            kind: share * orders.rate
            for kind, share in SHARES.items()
            if kind == "page" or orders.tenants
        }
        if orders.gui_host and orders.chat_rate:
            rates["chat"] = orders.chat_rate
        self._kinds = {kind: _Kind(Pace(rate, self._over)) for kind, rate in rates.items()}
        self._workers = [
            threading.Thread(target=self._visit, args=(kind,), daemon=True)
            for kind in self._kinds
            for _ in range(WORKERS)
        ]

    def start(self) -> None:
        """Begin to ask."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Ask nothing more, and wait for the answers under way."""
        self._over.set()
        deadline = time.monotonic() + TIMEOUT
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def report(self) -> dict[str, Any]:
        """The figures so far.

        `kinds` has by kind `sent`, `ok` (status below 400), `errors` (others), `unanswered`,
        `under_way` (not among those sent while they may yet be answered), `statuses`, and in
        seconds since the epoch `last_error` (either of both) and `last_ok`. `accepted` are the
        numbers of what was written and acknowledged, as ranges from first to last.
        """
        with self._lock:
            return {
                "token": self._orders.token,
                "began": self._began,
                "now": time.time(),
                "kinds": {name: kind.as_json() for name, kind in self._kinds.items()},
                "accepted": [list(pair) for pair in self._accepted],
            }

    def _visit(self, name: str) -> None:
        kind = self._kinds[name]
        connection = http.client.HTTPConnection(*self._place, timeout=TIMEOUT)
        while (number := kind.pace.turn()) is not None:
            with self._lock:
                kind.under_way += 1
            try:
                connection.request(*self._request(name, number))
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self._count(kind, None)
                continue
            self._count(kind, answer.status)
            if name == "write" and answer.status == 201:
                with self._lock:
                    self._accept(number)
        connection.close()

    def _request(self, name: str, number: int) -> tuple[str, str, bytes | None, dict[str, str]]:
        orders = self._orders
        headers = {"Host": orders.host}
        if name == "page":
            return "GET", "/", None, headers
        if name == "chat":
            headers = {
                "Host": orders.gui_host,
                "X-Sandbox-Iap-Principal": orders.principal,
                "Authorization": f"Bearer {orders.key}",
                "Content-Type": "application/json",
            }
            message = {"role": "user", "content": f"Fasse zusammen: {WORDS[number % len(WORDS)]}"}
            body = json.dumps({"model": MODEL, "messages": [message]}).encode()
            return "POST", "/v1/chat/completions", body, headers
        headers["X-Tenant"] = orders.tenants[number % len(orders.tenants)]
        if name == "read":
            return "GET", "/api/documents", None, headers
        if name == "search":
            return "GET", f"/api/search?q={quote(WORDS[number % len(WORDS)])}", None, headers
        headers["Content-Type"] = "application/json"
        written = {
            "titel": f"besuch-{orders.token}-{number}",
            "text": " ".join(WORDS),
            "seiten": 1 + number % 9,
        }
        return "POST", "/api/documents", json.dumps(written).encode(), headers

    def _count(self, kind: _Kind, status: int | None) -> None:
        now = time.time()
        with self._lock:
            kind.under_way -= 1
            if status is None:
                kind.unanswered += 1
            else:
                kind.statuses[status] += 1
            if status is not None and status < 400:
                kind.moments["last_ok"] = now
            else:
                kind.moments["last_error"] = now

    def _accept(self, number: int) -> None:
        """Add a number to the ranges; answers come nearly in order."""
        ranges = self._accepted
        place = len(ranges)
        while place and ranges[place - 1][0] > number:
            place -= 1
        ranges.insert(place, [number, number])
        for at in (place, place - 1):
            if 0 <= at < len(ranges) - 1 and ranges[at][1] + 1 == ranges[at + 1][0]:
                ranges[at][1] = ranges.pop(at + 1)[1]


def main() -> int:
    """Visit until standard input ends, then write the last report; 2 for orders it cannot take."""
    try:
        visitors = Visitors(Orders.from_json(json.loads(sys.stdin.readline())))
    except ValueError:
        return 2
    visitors.start()
    for _ in sys.stdin:
        _write(visitors.report())
    visitors.stop()
    _write(visitors.report())
    return 0


def _write(report: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
