"""Ctrl-C is held back, never lost."""

import os
import signal
import threading

import pytest

from leitstand.execution.interrupts import uninterrupted


def test_an_interrupt_takes_effect_when_the_block_is_left() -> None:
    reached = False

    def work() -> None:
        nonlocal reached
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            reached = True

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached


def test_without_an_interrupt_nothing_is_raised_and_the_old_handler_returns() -> None:
    before = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        pass
    assert before == signal.getsignal(signal.SIGINT)


def test_outside_the_main_thread_the_block_simply_runs() -> None:
    done: list[bool] = []

    def work() -> None:
        with uninterrupted():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [True] == done
