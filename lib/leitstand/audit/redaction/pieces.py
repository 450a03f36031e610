"""Secrets that several outputs share: each prints a piece of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from leitstand.audit.redaction.spans import Span, merged

if TYPE_CHECKING:
    from leitstand.audit.redaction.redactor import Redactor

__all__ = ["masked_across"]

_AROUND = 4_096


def masked_across(
    redactor: "Redactor", outputs: list[Mapping[str, object]]
) -> list[Mapping[str, object]]:
    """Mask what only the texts of several outputs together show; the rest stays as it is.

    The mark stands where the first piece stood, the other pieces are left out.
    """
    places = [(index, text) for index, output in enumerate(outputs) if (text := _text(output))]
    if len(places) < 2:
        return outputs
    whole = "".join(text for _, text in places)
    starts = [0]
    for _, text in places:
        starts.append(starts[-1] + len(text))
    edges = set(starts[1:-1])
    spans = [
        span
        for span in merged(_found(redactor, whole, starts[1:-1]))
        if any(span.start < edge < span.end for edge in edges)
    ]
    if not spans:
        return outputs
    texts = [text for _, text in places]
    for span in reversed(spans):
        redactor.counts[span.kind] += 1
        first = True
        for number, start in enumerate(starts[:-1]):
            begin, end = max(span.start, start), min(span.end, starts[number + 1])
            if begin >= end:
                continue
            shown = redactor.mark(span.secret) if first else ""
            local = texts[number]
            texts[number] = local[: begin - start] + shown + local[end - start :]
            first = False
    result = list(outputs)
    for (index, _), text in zip(places, texts, strict=True):
        result[index] = _with_text(outputs[index], text)
    return result


def _found(redactor: "Redactor", whole: str, edges: list[int]) -> Iterator[Span]:
    """Yield known values anywhere, and guesses on the lines that an edge divides."""
    yield from redactor.known_in(whole)
    for edge in edges:
        if whole[edge - 1] == "\n":
            continue
        begin = max(whole.rfind("\n", 0, edge) + 1, edge - _AROUND)
        end = whole.find("\n", edge)
        end = min(end if end >= 0 else len(whole), edge + _AROUND)
        for span in redactor.find_again(whole[begin:end]):
            yield replace(span, start=span.start + begin, end=span.end + begin)


def _text(output: Mapping[str, object]) -> str:
    """Return what an output shows as plain text."""
    if output.get("output_type") == "stream":
        return _joined(output.get("text"))
    data = output.get("data")
    return _joined(data.get("text/plain")) if isinstance(data, Mapping) else ""


def _joined(value: object) -> str:
    if isinstance(value, list):
        return "".join(map(str, value))
    return value if isinstance(value, str) else ""


def _with_text(output: Mapping[str, object], text: str) -> Mapping[str, object]:
    if output.get("output_type") == "stream":
        return {**output, "text": _like(output["text"], text)}
    data = output["data"]
    assert isinstance(data, Mapping)
    return {**output, "data": {**data, "text/plain": _like(data["text/plain"], text)}}


def _like(before: object, text: str) -> object:
    return text.splitlines(keepends=True) if isinstance(before, list) else text
