"""Real runs with real kernels: nothing secret reaches a file of a run, and the rest stays."""

import base64
import html
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from leitstand.audit.journal import Journal
from leitstand.audit.redaction import MARK
from leitstand.cloud.checksums import crc32c
from leitstand.notebook.conclusion import Result
from leitstand.notebook.html import write_html
from leitstand.notebook.kernel_redaction import CUT, MOST_TEXT
from leitstand.notebook.runner import run_notebook
from leitstand.notebook.template import read_template
from tests.audit.redaction.secrets import Sample, samples
from tests.cloud.scripted import scripted

ROOT = Path(__file__).parents[2]
SAMPLES = samples(each=5)
BEGIN = f"""
import base64, html, json, os, subprocess, sys, threading
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from leitstand.notebook.run_directory import RunDirectory
from tests.audit.redaction.secrets import samples
run = RunDirectory(Path(os.environ["LEITSTAND_RUN"]))
SAMPLES = samples(each=5)
run.redactor.learn([one.secret for one in SAMPLES if one.known])
LINES = [one.line for one in SAMPLES]
"""
CHANNELS = {
    "prints": "for line in LINES:\n    print(line)",
    "prints in pieces": (
        "for line in LINES:\n"
        "    for at in range(0, len(line), 7):\n"
        "        print(line[at:at + 7], end='', flush=True)\n"
        "    print()"
    ),
    "stderr": "for line in LINES:\n    print(line, file=sys.stderr)",
    "another thread": (
        "thread = threading.Thread(target=lambda: [print(line) for line in LINES])\n"
        "thread.start(); thread.join()"
    ),
    "a child": "subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv[1])', "
    "'\\n'.join(LINES)], check=True)",
    "the descriptor": "os.write(2, '\\n'.join(LINES).encode()); __import__('time').sleep(0.3)",
    "display": (
        "from IPython.display import display, update_display\n"
        "for line in LINES:\n"
        "    markup = '<p>' + html.escape(line) + '</p>'\n"
        "    display({'text/html': markup}, raw=True, metadata={'note': line})\n"
        "    display({'application/json': {'rows': [line], line: 1}}, raw=True)\n"
        "    display({'text/markdown': line, 'text/plain': line}, raw=True)"
    ),
    "update": (
        "for line in LINES:\n"
        "    display(line, display_id='one')\n"
        "    update_display({'text/html': html.escape(line)}, raw=True, display_id='one')"
    ),
    "result": "LINES",
    "tables": (
        "rows = ''.join('<tr><td>' + html.escape(line) + '</td></tr>' for line in LINES)\n"
        "display({'text/html': '<table>' + rows + '</table>'}, raw=True)"
    ),
    "widgets": (
        "from comm import create_comm\n"
        "for line in LINES:\n"
        "    state = {'value': line, '_model_module': 'm', '_model_name': 'n'}\n"
        "    create_comm(target_name='jupyter.widget', data={'state': state},\n"
        "                metadata={'version': '2.0.0'})"
    ),
    "journal": "for line in LINES:\n    run.journal.append('probe', text=line, more=[{'a': line}])",
    "texts": "run.write('bericht.md', '\\n'.join(LINES)); run.write_data('a.json', {'a': LINES})",
    "traceback": "raise RuntimeError('\\n'.join(LINES))",
}
PARAMETER = "postgresql://app:Kx7!vQ9zLmN4w@10.0.0.3:5432/app"


def notebook(path: Path, cells: list[str], parameters: str = "") -> Path:
    """Write a notebook of these cells."""
    code = [
        {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "outputs": [],
         "execution_count": None, "source": source}
        for number, source in enumerate(cells)
    ]  # fmt: skip
    if parameters:
        tagged = {**code[0], "id": "p", "source": parameters, "metadata": {"tags": ["parameters"]}}
        code.insert(0, tagged)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    path.write_text(json.dumps({"cells": code, "metadata": metadata, "nbformat": 4,
                                "nbformat_minor": 5}))  # fmt: skip
    return path


def execute(home: Path, cells: list[str], *, parameters: str = "", **given: object) -> Result:
    """Execute the cells as a run."""
    runs = home / "runs"
    runs.mkdir(exist_ok=True)
    template = read_template(notebook(home / "probe.ipynb", cells, parameters))
    return run_notebook(template, given, runs)


def events(result: Result) -> list[dict[str, Any]]:
    return Journal(Path(result.directory) / "journal.jsonl").events()


def shown(result: Result) -> list[dict[str, Any]]:
    """Return the outputs of the last cell as they were saved."""
    outputs: list[dict[str, Any]] = json.loads(Path(result.notebook).read_text())["cells"][-1][
        "outputs"
    ]
    return outputs


def forms(text: str) -> set[str]:
    """Return a part of a secret as files may hold it."""
    raw = text.encode()
    encoded = {
        base64.b64encode(b"\0" * offset + raw).decode()[(0, 2, 3)[offset] :].rstrip("=")[:-1]
        for offset in range(3)
    }
    return {
        text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1],
        html.escape(text), quote(text, safe=""), repr(text)[1:-1],
        json.dumps(json.dumps(text))[3:-3], *(e for e in encoded if len(e) >= 10),
    }  # fmt: skip


def parts(sample: Sample) -> list[str]:
    """Return a secret, its halves and its lines."""
    secret = sample.secret
    size = max(8, len(secret) // 2)
    starts = {0, (len(secret) - size) // 2, len(secret) - size}
    pieces = [secret[at : at + size] for at in starts if at >= 0]
    return [secret, *pieces, *(line for line in secret.splitlines() if len(line) > 20)]


def texts(directory: Path) -> dict[str, str]:
    """Return all files of a run, hidden ones too."""
    return {
        str(path.relative_to(directory)): path.read_bytes().decode("utf-8", "replace")
        for path in directory.rglob("*")
        if path.is_file()
    }


def left(directory: Path) -> set[tuple[str, str]]:
    """Return which kinds of secrets are left in which files."""
    return {
        (name, sample.kind)
        for name, text in texts(directory).items()
        for sample in SAMPLES
        if any(form in text for part in parts(sample) for form in forms(part))
    }


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run that shows every secret in every channel, and fails with a traceback of them."""
    home = tmp_path_factory.mktemp("leaking")
    line = "address: str = ''  # Adresse"
    result = execute(home, [BEGIN, *CHANNELS.values()], parameters=line, address=PARAMETER)
    write_html(Path(result.notebook))
    return result


def test_the_run_shows_every_secret_in_every_channel(leaking: Result):
    saved = json.loads(Path(leaking.notebook).read_text())["cells"]
    assert len(CHANNELS) + 3 == len(saved)  # with the parameters, those given, and the beginning
    marks = [len(MARK.findall(json.dumps(cell))) for cell in saved[3:]]
    # They show one line, or none, or when the thread that reads the descriptor comes to it.
    silent = {"update", "widgets", "journal", "texts", "the descriptor"}
    assert [] == [
        name
        for name, count in zip(CHANNELS, marks, strict=True)
        if count < len(SAMPLES) and name not in silent
    ]
    assert MARK.search(texts(Path(leaking.directory))["kernel.log"])


def test_no_secret_is_left_in_any_file_of_the_run(leaking: Result):
    assert set() == left(Path(leaking.directory))


def test_no_secret_parameter_is_left_in_any_file_of_the_run(leaking: Result):
    assert [] == [n for n, t in texts(Path(leaking.directory)).items() if "Kx7!vQ9" in t]


def test_what_was_masked_is_counted_by_kind_in_the_journal(leaking: Result):
    counted = [event["masked"] for event in events(leaking) if event["event"] == "redaction"]
    assert 2 == len(counted)  # of the kernel, then of the runner
    assert {"known_value", "email", "jwt", "private_key"} <= counted[0].keys()


def test_the_same_secret_has_the_same_mark_in_kernel_and_runner(leaking: Result):
    directory = Path(leaking.directory)
    found = texts(directory)
    in_log = set(MARK.findall(found["kernel.log"]))
    assert in_log <= set(MARK.findall(found["notebook.ipynb"]))


def test_the_key_of_the_marks_lies_outside_the_run_and_is_private(leaking: Result):
    directory = Path(leaking.directory)
    key = directory.parent.parent / "salts" / directory.name
    assert (32, 0o600) == (key.stat().st_size, key.stat().st_mode & 0o777)
    assert not any(key.read_bytes() in path.read_bytes() for path in directory.rglob("*.*"))


def test_the_saved_error_has_no_secret_and_the_run_says_how_it_ended(leaking: Result):
    assert ("failed", "RuntimeError") == (leaking.status, leaking.error)
    assert not any(sample.secret in leaking.message for sample in SAMPLES)


def test_ordinary_output_stays_as_it_is(tmp_path: Path):
    ordinary = ROOT / "tests" / "audit" / "redaction" / "ordinary"
    lines = (ordinary / "lines.txt").read_text()
    result = execute(
        tmp_path,
        [
            f"text = open({str(ordinary / 'lines.txt')!r}).read()\nprint(text, end='')",
            "for line in text.splitlines():\n    print(line, flush=True)",
            "import IPython.display as d\nd.display(d.HTML('<p>ab12</p>'), d.SVG('<svg/>'))",
            "print('begonnen', end='', flush=True)\nd.display('x')\nprint(' … zu Ende', end='')",
        ],
    )
    cells = json.loads(Path(result.notebook).read_text())["cells"]
    said = ["".join("".join(o.get("text", "")) for o in cell["outputs"]) for cell in cells]
    assert [lines, lines] == said[:2]
    assert ["begonnen", "'x'", " … zu Ende"] == [
        "".join(output.get("text") or output["data"]["text/plain"])
        for output in cells[3]["outputs"]
    ]
    assert not any(MARK.search(text) for text in texts(Path(result.directory)).values())
    assert [] == [event for event in events(result) if event["event"] == "redaction"]


def test_images_and_other_bytes_are_not_touched(tmp_path: Path):
    image = base64.b64encode(b"\x89PNG" + bytes(range(256)) * 30_000).decode()
    source = f"import IPython.display as d\nimage = {image[:40_000]!r} * 200\n"
    show = "d.display({'image/png': image, 'text/plain': 'Bild'}, raw=True)"
    result = execute(tmp_path, [source + show])
    (output,) = shown(result)
    assert (image[:40_000] * 200, "Bild") == (
        "".join(output["data"]["image/png"]), "".join(output["data"]["text/plain"])
    )  # fmt: skip


def test_a_gigantic_output_is_cut_and_its_beginning_is_kept(tmp_path: Path):
    line = "x" * 99
    count = 3 * MOST_TEXT // 100
    result = execute(
        tmp_path,
        [f"for _ in range({count}):\n    print({line!r})", f"print('y' * {3 * MOST_TEXT})"],
    )
    text, word = (
        "".join("".join(output["text"]) for output in cell["outputs"])
        for cell in json.loads(Path(result.notebook).read_text())["cells"]
    )
    assert text.endswith(CUT)
    assert text.startswith(f"{line}\n" * 1000)
    assert MOST_TEXT * 0.9 < len(text) < MOST_TEXT * 1.1
    assert word.endswith(CUT)
    assert len(word) < MOST_TEXT * 1.1


def test_a_secret_at_the_place_of_the_cut_is_left_out(tmp_path: Path):
    fill = f"print(('z' * 63 + chr(10)) * {(MOST_TEXT - 64) // 64}, end='')\n"
    secret = "print('xx ' * 14 + 'ghp_' + 'Zr8Kq2Lm5Np7Tv9Wx3Yb1Cd4Ef6Gh0Ij2Kl3')"
    result = execute(tmp_path, [fill + secret])
    saved = json.dumps(shown(result), ensure_ascii=False)
    assert CUT.strip() in saved
    assert "Zr8" not in saved


def test_a_secret_that_the_kernel_read_is_shown_nowhere_also_not_by_its_children(tmp_path: Path):
    value = "unauffällig-und-doch-geheim"
    raw = value.encode()
    payload = {"data": base64.b64encode(raw).decode(), "dataCrc32c": str(crc32c(raw))}
    with scripted((200, {"payload": payload})) as server:
        read = (
            "from leitstand.cloud.connection import Connection\n"
            "from leitstand.cloud.glance import Glance\n"
            "from leitstand.configuration import load_environment\n"
            "learn = run.redactor.learn\n"
            f"place = '127.0.0.1:1', {server.address!r}\n"
            "connection = Connection(load_environment('sandbox'), *place, learn=learn)\n"
            "value = Glance(connection, 5.0).secret_value('key', '2')\n"
            "print(value)"
        )
        child = "subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv[1])', value])"
        fail = "def use(secret):\n    raise ValueError(f'{secret} passt nicht')\nuse(value)"
        cells = ["early = 'unauffällig-und-doch-geheim'\nprint(early)", BEGIN, read, child, fail]
        result = execute(tmp_path, cells)
    found = texts(Path(result.directory))
    assert ("failed", "ValueError") == (result.status, result.error)
    assert MARK.search(result.message)
    # What was printed before the value was read is masked at the next save; the journal's line of
    # that cell was written before anyone knew.
    assert ["journal.jsonl"] == [
        name for name, text in found.items() if any(form in text for form in forms(value))
    ]
    late = found["journal.jsonl"].partition('"index": 1')[2]
    assert not any(form in late for form in forms(value))
    assert MARK.search(found["kernel.log"])


def test_a_secret_that_is_learnt_after_its_cell_has_shown_it_is_in_no_file(tmp_path: Path):
    value = "unauffällig-und-doch-geheim"
    show = "from IPython.display import HTML, display\nvalue = 'unauffällig-und-' + 'doch-geheim'\n"
    late = f"{show}display(HTML('<b>' + value + '</b>'))\nrun.redactor.learn([value])"
    result = execute(tmp_path, [BEGIN, "print('eins')", late, "print('zwei')"])
    found = texts(Path(result.directory))
    assert "completed" == result.status
    assert [] == [
        name for name, text in found.items() if any(form in text for form in forms(value))
    ]


def test_the_runner_reads_its_own_journal_not_again_for_every_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    read: list[int] = []
    before = os.pread

    def counting(descriptor: int, size: int, offset: int) -> bytes:
        content = before(descriptor, size, offset)
        read.append(len(content))
        return content

    monkeypatch.setattr(os, "pread", counting)
    result = execute(tmp_path, ["print('x' * 5_000)"] * 12)
    size = (Path(result.directory) / "journal.jsonl").stat().st_size
    assert size > 60_000
    assert sum(read) < 6 * size  # the start and the end have a journal of their own each


def test_progress_is_still_heard_and_shown(tmp_path: Path):
    from leitstand.notebook.listener import SilentListener
    from leitstand.notebook.progress import ProgressState

    class Hearing(SilentListener):
        def __init__(self) -> None:
            self.states: list[ProgressState] = []

        def progress(self, state: ProgressState) -> None:
            self.states.append(state)

    hearing = Hearing()
    source = (
        "from leitstand.notebook.progress import Progress\n"
        "with Progress('one', 'Warten', 5) as step:\n    step.update('auf Anna')"
    )
    (tmp_path / "runs").mkdir()
    template = read_template(notebook(tmp_path / "probe.ipynb", [source]))
    result = run_notebook(template, {}, tmp_path / "runs", listener=hearing)
    assert ["running", "done"] == [state.state for state in hearing.states]
    assert "Warten: fertig" in json.dumps(shown(result))


def test_output_that_cannot_be_looked_at_is_not_shown(tmp_path: Path):
    source = (
        "import IPython.display as d\nnested = 'ghp_Zr8Kq2Lm5Np7Tv9Wx3Yb1Cd4Ef6Gh0Ij2Kl'\n"
        "for _ in range(900):\n    nested = [nested]\n"
        "d.display({'application/json': {'a': nested}}, raw=True)"
    )
    result = execute(tmp_path, [source, "print('weiter')"])
    assert not any("ghp_Zr8" in text for text in [json.dumps(shown(result))])
    assert "weiter" in json.dumps(shown(result))


@pytest.mark.skipif(sys.platform != "linux", reason="looks at descriptors in /proc")
def test_many_runs_leave_no_descriptor_behind(tmp_path: Path):
    execute(tmp_path, ["print(1)"])  # what is opened once, such as an event loop, may stay
    before = os.listdir("/proc/self/fd")
    execute(tmp_path, ["print(1)"])
    assert len(before) >= len(os.listdir("/proc/self/fd"))
