"""What an incident looks like over time: requests and errors of each service, and the changes."""

import io
from collections.abc import Sequence
from datetime import datetime

from leitstand.core.triage.signals import Change, Missing, Signals
from leitstand.notebook.plots import Picture

__all__ = ["incident_picture"]

_COLOURS = ("#1565c0", "#e65100", "#2e7d32", "#6a1b9a", "#00838f", "#ad1457")
_MOST_CHANGES = 6


def incident_picture(signals: Signals) -> Picture | None:
    """Return requests and error rate by service over time, with what changed; None without data."""
    from matplotlib.figure import Figure

    if isinstance(signals.series, Missing) or not any(signals.series.values()):
        return None
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    named = [name for name, readings in signals.series.items() if readings]
    for name, colour in zip(named, _COLOURS, strict=False):
        times, requests, rates = _curves(signals, name)
        seconds = [(time - signals.at).total_seconds() for time in times]
        upper.plot(seconds, requests, color=colour, label=name, marker=".")
        lower.plot(seconds, rates, color=colour, marker=".")
    changes = _changes(signals)
    for change in changes:
        for axes in (upper, lower):
            axes.axvline(
                (change.at - signals.at).total_seconds(), color="#37474f", linestyle=":", alpha=0.7
            )
    upper.set_ylabel("Anfragen")
    upper.set_ylim(bottom=0)
    lower.set_ylabel("Fehlerrate, %")
    lower.set_ylim(bottom=-0.05)
    lower.set_xlabel("Sekunden vor jetzt; gepunktet: Änderungen")
    for axes in (upper, lower):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    upper.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    told = "; ".join(f"{change.at:%H:%M:%S} {change.text}" for change in changes)
    services = ", ".join(named)
    return Picture(
        buffer.getvalue(),
        f"Anfragen und Fehlerrate von {services} über der Zeit. Änderungen: {told or 'keine'}",
    )


def _curves(signals: Signals, name: str) -> tuple[list[datetime], list[float], list[float]]:
    """Return times, requests and error rate in percent of one service over all its revisions."""
    assert not isinstance(signals.series, Missing)
    readings = signals.series[name]
    times = sorted({reading.at for reading in readings})
    requests, rates = [], []
    for time in times:
        here = [reading for reading in readings if reading.at == time]
        total = sum(reading.requests for reading in here)
        errors = sum(reading.errors for reading in here)
        requests.append(float(total))
        rates.append(100 * errors / total if total else 0.0)
    return times, requests, rates


def _changes(signals: Signals) -> Sequence[Change]:
    told = (signals.runs, signals.operations)
    found = [change for source in told if not isinstance(source, Missing) for change in source]
    recent = [change for change in found if change.at >= signals.since]
    return sorted(recent, key=lambda change: change.at)[-_MOST_CHANGES:]
