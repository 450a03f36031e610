"""What is read one after the other is read in advance."""

import threading

import pytest

from leitstand.audit.read_ahead import ReadAhead


class Source:
    def __init__(self, last: int) -> None:
        self.last = last
        self.asked: list[int] = []
        self.lock = threading.Lock()

    def __call__(self, number: int) -> bytes | None:
        with self.lock:
            self.asked.append(number)
        return b"%d" % number if number <= self.last else None


def test_every_number_is_read_once_and_in_order():
    source = Source(100)
    reading = ReadAhead(source, 8)
    assert [b"%d" % n for n in range(1, 101)] == [reading.read(n, 100) for n in range(1, 101)]
    assert list(range(1, 101)) == sorted(source.asked)


@pytest.mark.parametrize(("ahead", "last"), [(0, 100), (8, 0)])
def test_nothing_is_read_that_nobody_wants(ahead: int, last: int):
    source = Source(100)
    reading = ReadAhead(source, ahead)
    for number in range(1, 20):
        reading.read(number, last)
    assert list(range(1, 20)) == source.asked


def test_single_looks_read_nothing_in_advance():
    source = Source(100)
    reading = ReadAhead(source, 8)
    assert [b"5", b"3", b"4", b"9", None] == [reading.read(n, 100) for n in (5, 3, 4, 9, 101)]
    assert [5, 3, 4, 9, 101] == source.asked


def test_what_comes_meanwhile_is_there():
    source = Source(5)
    reading = ReadAhead(source, 8)
    assert [b"%d" % n for n in range(1, 6)] == [reading.read(n, 10) for n in range(1, 6)]
    source.last = 6
    assert b"6" == reading.read(6, 10)


def test_an_error_is_told_to_whoever_reads_that_number():
    def read(number: int) -> bytes:
        if number == 7:
            raise ConnectionError("7")
        return b""

    reading = ReadAhead(read, 8)
    for number in range(1, 7):
        reading.read(number, 100)
    with pytest.raises(ConnectionError):
        reading.read(7, 100)
    assert b"" == reading.read(8, 100)
