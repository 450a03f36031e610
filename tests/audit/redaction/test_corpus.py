"""215 made-up secrets of 43 kinds, each in every channel of a notebook: none is left."""

import base64
import html
import json

import pytest

from leitstand.audit.redaction import Redactor
from tests.audit.redaction.secrets import Sample, samples

SAMPLES = samples(each=5)
KINDS = sorted({sample.kind for sample in SAMPLES})
SALT = bytes(range(32))


def redactor() -> Redactor:
    return Redactor([one.secret for one in SAMPLES if one.known], salt=SALT)


def stream(line: str) -> dict[str, object]:
    return {"output_type": "stream", "name": "stdout", "text": f"vorher\n{line}\nnachher\n"}


def lines(line: str) -> dict[str, object]:
    return {"output_type": "stream", "name": "stderr", "text": f"{line}\n".splitlines(True)}


def traceback(line: str) -> dict[str, object]:
    frames = ["\x1b[31m-----\x1b[0m", f"\x1b[0;32m----> 1\x1b[0m raise {line}"]
    return {"output_type": "error", "ename": "Error", "evalue": line, "traceback": frames}


def shown(**data: object) -> dict[str, object]:
    return {"output_type": "display_data", "metadata": {}, "data": data}


def plain(line: str) -> dict[str, object]:
    return shown(**{"text/plain": line, "image/png": "aGFsbG8="})


def markup(line: str) -> dict[str, object]:
    table = f"<table><tr><th>Zeile</th></tr><tr><td>{html.escape(line)}</td></tr></table>"
    return shown(**{"text/html": table})


def markup_with_tags(line: str) -> dict[str, object]:
    half = len(line) // 2
    shown_line = f"{html.escape(line[:half])}<b>{html.escape(line[half:])}</b>"
    return shown(**{"text/html": f"<p>{shown_line}</p>"})


def markup_in_numbers(line: str) -> dict[str, object]:
    return shown(**{"text/html": "<p>" + "".join(f"&#{ord(one)};" for one in line) + "</p>"})


def attribute(line: str) -> dict[str, object]:
    return shown(**{"text/html": f'<a title="{html.escape(line)}">x</a>'})


def data(line: str) -> dict[str, object]:
    return shown(**{"application/json": {"rows": [{"a": line}, [line]], line: 1}})


def data_as_text(line: str) -> dict[str, object]:
    return shown(**{"application/vnd.x+json": json.dumps({"a": line})})


def markdown(line: str) -> dict[str, object]:
    return shown(**{"text/markdown": f"> {line}", "text/latex": line})


def metadata(line: str) -> dict[str, object]:
    return {**shown(), "metadata": {"note": line, "more": [line]}}


def widget(line: str) -> dict[str, object]:
    return shown(**{"application/vnd.jupyter.widget-state+json": {"state": {"a": {"value": line}}}})


CHANNELS = (
    stream, lines, traceback, plain, markup, markup_with_tags, markup_in_numbers, attribute, data,
    data_as_text, markdown, metadata, widget,
)  # fmt: skip


def texts(value: object) -> str:
    """Return everything a reader could make of an output: as text, unescaped, without tags."""
    import re

    if isinstance(value, str):
        return "\n".join(
            (value, html.unescape(re.sub(r"<[^>]*>", "", value)), html.unescape(value))
        )
    if isinstance(value, dict):
        return "\n".join(f"{texts(name)}\n{texts(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "\n".join(map(texts, value)) + "".join(map(str, value))
    return str(value)


def leaks(sample: Sample, output: object) -> bool:
    read = texts(output)
    escaped = json.dumps(sample.secret)[1:-1]
    if sample.secret in read or escaped in read:
        return True
    size = max(8, len(sample.secret) // 2)
    return any(sample.secret[at : at + size] in read for at in range(len(sample.secret) - size + 1))


def test_the_corpus_is_as_large_as_promised():
    assert (True, True) == (len(SAMPLES) >= 200, len(KINDS) >= 20)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.__name__)
def test_no_secret_survives_in_any_channel(channel):
    masking = redactor()
    left = {
        (sample.kind, str(output)[:300])
        for sample in SAMPLES
        if leaks(sample, output := masking.notebook_output(channel(sample.line)))
    }
    assert set() == left


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.__name__)
def test_a_second_pass_changes_nothing(channel):
    masking = redactor()
    once = [masking.notebook_output(channel(sample.line)) for sample in SAMPLES]
    counted = masking.counts.copy()
    assert once == [masking.notebook_output(output) for output in once]
    assert counted == masking.counts


def test_no_secret_survives_in_a_whole_notebook():
    masking = redactor()
    cells = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {"papermill": {"note": sample.line}},
            "source": sample.line,
            "outputs": [channel(sample.line) for channel in CHANNELS],
        }
        for number, sample in enumerate(SAMPLES[::7])
    ]
    notebook = {
        "cells": cells,
        "metadata": {"papermill": {"parameters": {"note": SAMPLES[0].line}}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    masked = masking.notebook(notebook)
    read = texts(masked)
    assert [] == [sample.kind for sample in SAMPLES[::7] if sample.secret in read]
    assert [cell["id"] for cell in cells] == [cell["id"] for cell in masked["cells"]]


@pytest.mark.parametrize("form", ["url", "base64", "inside base64", "json", "repr", "hex", "twice"])
def test_a_known_value_is_found_in_another_form(form):
    secret = "Gr%ün/+&'\"\\ 9xZq-Wert"
    raw = secret.encode()
    from urllib.parse import quote_plus

    shown_as = {
        "url": quote_plus(secret),
        "base64": base64.b64encode(raw).decode(),
        "inside base64": base64.b64encode(b"nutzer:" + raw + b":x").decode()[10:-6],
        "json": json.dumps(secret)[1:-1],
        "repr": repr(secret)[1:-1],
        "hex": raw.hex(),
        "twice": json.dumps(json.dumps(secret))[3:-3],
    }[form]
    masking = Redactor([secret], salt=SALT)
    assert masking.mark(secret) in masking.text(f"Wert={shown_as};")
