"""Plots as pictures that need no script and no outside host."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from leitstand.core.health import Reading
from leitstand.execution.rollout import Stage

__all__ = ["Picture", "rollout_picture"]

_COLOURS = ("#1565c0", "#e65100", "#2e7d32", "#6a1b9a")


@dataclass(frozen=True)
class Picture:
    """A vector picture, with a sentence for those who cannot see it."""

    svg: str
    description: str

    def __repr__(self) -> str:
        return self.description

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.description}


def rollout_picture(readings: Sequence[Reading], stages: Sequence[Stage]) -> Picture:
    """Return traffic split and error rate by revision over time.

    The share is the observed one, of the requests in each step; the wanted one is dashed.
    """
    from matplotlib.figure import Figure

    start = stages[0].started
    times = sorted({reading.at for reading in readings})
    revisions = sorted({reading.revision for reading in readings})
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    all_rates: list[float] = []
    for revision, colour in zip(revisions, _COLOURS, strict=False):
        shares, rates = _curves(readings, times, revision)
        all_rates += rates
        x = [_seconds(time - start) for time in times]
        upper.plot(x, shares, color=colour, label=revision, drawstyle="steps-pre")
        lower.plot(x, rates, color=colour, label=revision, marker=".")
    edges = [_seconds(stage.started - start) for stage in stages]
    edges.append(_seconds(stages[-1].ended - start))
    wanted = [float(stage.percent) for stage in stages]
    upper.stairs(wanted, edges, color="#37474f", linestyle="--", label="gewollt (neu)")
    upper.set_ylabel("Anteil am Verkehr, %")
    upper.set_ylim(-3, 103)
    lower.set_ylabel("Fehlerrate, %")
    lower.set_xlabel("Sekunden seit der ersten Stufe")
    worst = max((rate for rate in all_rates if rate == rate), default=0.0)
    lower.set_ylim(-0.05 * max(2.0, worst), 1.1 * max(2.0, worst))
    for axes in (upper, lower):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    upper.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    steps = ", ".join(f"{stage.percent} %" for stage in stages)
    return Picture(
        buffer.getvalue(), f"Verkehrsanteile und Fehlerraten über der Zeit, Stufen: {steps}."
    )


def _curves(
    readings: Sequence[Reading], times: Sequence[datetime], revision: str
) -> tuple[list[float], list[float]]:
    """Return share and error rate of a revision at each time, in percent; no data is a gap."""
    shares, rates = [], []
    for time in times:
        here = [reading for reading in readings if reading.at == time]
        total = sum(reading.requests for reading in here)
        mine = [reading for reading in here if reading.revision == revision]
        requests = sum(reading.requests for reading in mine)
        errors = sum(reading.errors for reading in mine)
        shares.append(100 * requests / total if total else float("nan"))
        rates.append(100 * errors / requests if requests else float("nan"))
    return shares, rates


def _seconds(span: timedelta) -> float:
    return span.total_seconds()
