"""Terminal pictures: runs a command in a terminal of its own, and draws what then stands on it.

The drawing is an SVG of rich that loads nothing: its own template names fonts on a foreign host.
"""

import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

__all__ = ["COLUMNS", "INTO_TERMINAL", "drawn", "on_screen", "typed"]

COLUMNS = 88
ROWS = 60

INTO_TERMINAL = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"  # the terminal's end is then the command's end
    "os.execv(sys.executable, [sys.executable, '-m', 'leitstand', *sys.argv[1:]])\n"
)

CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r?\n)|(\r)")

THEME = TerminalTheme(
    (20, 36, 41), (223, 231, 233),
    [
        (20, 36, 41), (255, 138, 128), (129, 212, 150), (255, 202, 115),
        (130, 190, 255), (214, 170, 255), (111, 200, 214), (223, 231, 233),
    ],
    [
        (138, 155, 160), (255, 165, 155), (160, 225, 175), (255, 216, 150),
        (160, 205, 255), (225, 190, 255), (150, 220, 230), (255, 255, 255),
    ],
)  # fmt: skip
"""Light on dark, and so legible on light and on dark pages."""

SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def typed(
    arguments: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    is_stopped: Callable[[], bool],
    seconds: float = 180.0,
) -> tuple[int, str]:
    """Run ``leitstand`` in a terminal; return its exit code and all that it sent there.

    Args:
        arguments: What is typed behind ``leitstand``.
        directory: Where it is typed.
        environment: Of the command.
        is_stopped: Asked often; once it says yes, the command is interrupted as by Ctrl-C.
        seconds: After which it is interrupted as well.
    """
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-c", INTO_TERMINAL, *arguments],
            cwd=directory, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={
                **{name: value for name, value in environment.items() if name != "NO_COLOR"},
                "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS),
            },
        )  # fmt: skip
        os.close(slave)
        slave = -1
        return _heard(process, master, is_stopped, time.monotonic() + seconds)
    finally:
        os.close(master)
        if slave >= 0:
            os.close(slave)


def _heard(
    process: "subprocess.Popen[bytes]", master: int, is_stopped: Callable[[], bool], end: float
) -> tuple[int, str]:
    """Collect what comes from the command until it has ended."""
    sent = bytearray()
    interrupted = 0.0
    try:
        while True:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    piece = os.read(master, 65536)
                except OSError:  # Linux says so when the last one has let go of the terminal
                    piece = b""
                if not piece:
                    break
                sent += piece
            elif process.poll() is not None:
                break
            if not interrupted and (is_stopped() or time.monotonic() > end):
                interrupted = time.monotonic()
                os.write(master, b"\x03")
            if interrupted and time.monotonic() > interrupted + 30:
                break
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return process.returncode, sent.decode("utf-8", "replace")


def on_screen(sent: str) -> str:
    """Return what stands on the terminal in the end, with its colours (SGR) and nothing else.

    Programs that redraw move upwards and clear whole lines; nothing else is understood.
    """
    lines, row, place = [""], 0, 0
    for match in CONTROL.finditer(sent):
        lines[row] += sent[place : match.start()]
        place = match.end()
        arguments, command, newline, _ = match.groups()
        if newline:
            row += 1
            if row == len(lines):
                lines.append("")
        elif command == "A":
            row = max(0, row - int(arguments or 1))
        elif command == "K" and arguments == "2":
            lines[row] = ""
        elif command == "m":
            lines[row] += match[0]
    lines[row] += sent[place:]
    return "\n".join(lines).rstrip()


def drawn(screen: str, command: str, name: str) -> str:
    """Return a terminal as SVG, with the command before what it showed.

    Args:
        screen: As ``on_screen`` returns it.
        command: What was typed.
        name: Of the picture; its ids begin with it.
    """
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False
    )
    console.print(Text.assemble(("$ ", "cyan"), (command, "bold")))
    console.print(Text.from_ansi(screen))
    return console.export_svg(title="Terminal", theme=THEME, code_format=SVG, unique_id=name)
