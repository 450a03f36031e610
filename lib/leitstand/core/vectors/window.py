"""What fits a maintenance window and the free disk, and how long a plan takes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush, heapreplace, nlargest

from leitstand.core.plan import Action
from leitstand.core.recovery_types import TableName

__all__ = ["Disk", "Window", "duration"]


class Window:
    """Time that is handed out, the more urgent first.

    Work on one table is done one after the other, work on several by so many jobs. It is an
    estimate on the safe side in most cases; ``duration`` says what a whole plan takes.

    Args:
        seconds: All there is.
        jobs: So many tables are worked on at the same time.
    """

    def __init__(self, seconds: float, jobs: int) -> None:
        self._seconds = seconds
        self._free = [0.0] * jobs
        self._tables: dict[TableName, float] = {}

    def barrier(self) -> None:
        """Let what comes now begin when all that was taken so far has ended."""
        latest = max(self._free)
        self._free = [latest] * len(self._free)

    def take(self, table: TableName | None, seconds: float) -> bool:
        """Take time for work on a table, and return whether there was enough left."""
        start = self._free[0]
        if table is not None:
            start = max(start, self._tables.get(table, 0.0))
        end = start + seconds
        if end > self._seconds:
            return False
        heapreplace(self._free, end)
        if table is not None:
            self._tables[table] = end
        return True


class Disk:
    """Disk that is handed out; what a rebuild needs only for a while is handed out again.

    Args:
        free: Bytes; None for as many as one likes.
        jobs: So many rebuilds are under way at the same time, each on a table of its own.
    """

    def __init__(self, free: int | None, jobs: int) -> None:
        self._free = free
        self._jobs = jobs
        self._kept = 0
        self._while: dict[TableName, int] = {}
        self._largest: list[int] = []

    @property
    def needed(self) -> int:
        """Bytes that are needed at most, in whatever order the work is done."""
        return self._kept + sum(self._largest)

    def fits(self, table: TableName, peak: int, kept: int) -> bool:
        """Return whether there is enough for one more rebuild.

        Args:
            table: The table whose index is rebuilt.
            peak: Bytes that are needed meanwhile.
            kept: Bytes of them that stay in use.
        """
        if self._free is None:
            return True
        return self._kept + kept + sum(self._with(table, peak - kept)) <= self._free

    def take(self, table: TableName, peak: int, kept: int) -> None:
        """Take what ``fits`` was asked for."""
        self._largest = self._with(table, peak - kept)
        self._while[table] = max(peak - kept, self._while.get(table, 0))
        self._kept += kept

    def _with(self, table: TableName, meanwhile: int) -> list[int]:
        """Return the largest needs of tables if one had this need as well."""
        known = self._while.get(table, 0)
        if meanwhile <= known:
            return self._largest
        largest = list(self._largest)
        if known in largest:
            largest.remove(known)
        return nlargest(self._jobs, [*largest, meanwhile])


def duration(actions: Sequence[Action], jobs: int) -> float:
    """Return how long actions take that are each begun as soon as what they need is done.

    Steps begin one after the other, and in a step the action that comes first in the plan.
    """
    steps: dict[int, list[Action]] = defaultdict(list)
    for action in actions:
        steps[action.arguments["step"]].append(action)
    return sum(_step(steps[step], jobs) for step in sorted(steps))


def _step(actions: Sequence[Action], jobs: int) -> float:
    places = {action.id: place for place, action in enumerate(actions)}
    needs = [_places(action.arguments["after"], places) for action in actions]
    followers: dict[int, list[int]] = defaultdict(list)
    for place, needed in enumerate(needs):
        for other in needed:
            followers[other].append(place)
    left = [len(needed) for needed in needs]
    ready = [place for place, count in enumerate(left) if not count]
    heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < jobs:
            place = heappop(ready)
            heappush(running, (now + actions[place].arguments["expected_seconds"], place))
        now, ended = heappop(running)
        for place in followers[ended]:
            left[place] -= 1
            if not left[place]:
                heappush(ready, place)
    return now


def _places(ids: Iterable[str], places: dict[str, int]) -> list[int]:
    return [places[key] for key in ids if key in places]
