"""Redis's wire protocol (RESP 2), as much of it as the sandbox itself needs to ask a server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Refused", "Reply", "ask"]

Reply = bytes | int | list["Reply"] | None

SECONDS = 5.0


class Refused(Exception):
    """The server answered a command with an error.

    Attributes:
        message: Its error, such as `NOAUTH Authentication required.`
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


async def ask(place: Path, *commands: Sequence[str], seconds: float = SECONDS) -> list[Reply]:
    """Send commands over one connection and return their answers.

    Args:
        place: The server's Unix socket.
        commands: Each a name and its arguments; all are sent, then all answers are read.
        seconds: Until everything must be answered.

    Raises:
        OSError: Nobody listens, or the connection broke.
        TimeoutError: It took too long.
        Refused: One of the commands was answered with an error.
    """
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_unix_connection(place)
        try:
            for command in commands:
                writer.write(_written(command))
            return [await _read(reader) for _ in commands]
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("Redis closed the connection.") from error
        finally:
            writer.close()


def _written(command: Sequence[str]) -> bytes:
    parts = [part.encode() for part in command]
    head = b"*%d\r\n" % len(parts)
    return head + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


async def _read(reader: asyncio.StreamReader) -> Reply:
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, content = line[:1], line[1:]
    if kind == b"+":
        return content
    if kind == b"-":
        raise Refused(content.decode("utf-8", "replace"))
    if kind == b":":
        return int(content)
    if kind == b"$":
        if content == b"-1":
            return None
        return (await reader.readexactly(int(content) + 2))[:-2]
    return [await _read(reader) for _ in range(int(content))]
