"""Searches before and after a maintenance as a picture."""

import io
from collections.abc import Sequence

from leitstand.core.vectors.searches import Searched
from leitstand.notebook.plots import Picture

__all__ = ["searches_picture"]

_BEFORE, _AFTER = "#e65100", "#1565c0"
_MOST = 12
"""Searches in one picture, those first that changed most."""


def searches_picture(before: Sequence[Searched], after: Sequence[Searched]) -> Picture:
    """Return recall, latency and size of the index, before and after, search by search."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    earlier = {one.key: one for one in before}
    pairs = [
        (earlier[one.key], one)
        for one in after
        if one.key in earlier and one.measurement and earlier[one.key].measurement
    ][:_MOST]
    figure = Figure(figsize=(8, 1.4 + 0.55 * max(1, len(pairs))), layout="constrained")
    recall, latency, bytes_ = figure.subplots(1, 3, sharey=True)
    places = list(range(len(pairs)))
    for shift, colour, label, side in ((-0.12, _BEFORE, "vorher", 0), (0.12, _AFTER, "nachher", 1)):
        found = [pair[side] for pair in pairs]
        y = [place + shift for place in places]
        measured = [one.measurement for one in found if one.measurement]
        middle = [100 * one.recall for one in measured]
        below = [max(0.0, 100 * (one.recall - one.recall_low)) for one in measured]
        above = [max(0.0, 100 * (one.recall_high - one.recall)) for one in measured]
        recall.errorbar(
            middle, y, xerr=[below, above], fmt="o", color=colour, label=label, capsize=3
        )
        latency.plot([1000 * one.p95 for one in measured], y, "o", color=colour)
        bytes_.plot([one.bytes / 2**20 for one in found], y, "o", color=colour)
    recall.set_yticks(places, [_label(pair[1]) for pair in pairs])
    recall.invert_yaxis()
    for axes, label in (
        (recall, "Recall, %"),
        (latency, "Latenz p95, ms"),
        (bytes_, "Größe des Index, MiB"),
    ):
        axes.set_xlabel(label)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace(".", ","))
    for axes in (latency, bytes_):
        axes.set_xlim(0, 1.08 * axes.get_xlim()[1])
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    count = "eine Suche" if len(pairs) == 1 else f"{len(pairs)} Suchen"
    text = f"Recall, Latenz und Größe vor und nach der Wartung, für {count}."
    return Picture(buffer.getvalue(), text)


def _label(one: Searched) -> str:
    if one.tenant:
        return f"{one.table}\n{one.tenant[:8]}"
    return f"{one.table.schema}\n{one.table.name}"
