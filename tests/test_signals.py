"""Ctrl-C and SIGTERM: at once, or after what is being put in safety."""

import os
import signal
import threading
import time

import pytest

from clvsim.signals import Stopped, exit_code, held, listening


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_raised_where_a_command_listens(number, code):
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stop, listening():
        send(number)
    assert exit_code(stop.value) == code
    assert signal.getsignal(number) == before
    assert exit_code(KeyboardInterrupt()) == 130


def test_a_first_signal_waits():
    done = []

    def work():
        with listening(), held():
            with held():
                send(signal.SIGTERM)
                done.append("inner")
            done.append("outer")

    with pytest.raises(Stopped):
        work()
    assert done == ["inner", "outer"]


def test_a_second_signal_does_not_wait():
    done = []

    def work():
        with listening(), held():
            send(signal.SIGTERM)
            done.append("first")
            send(signal.SIGTERM)
            done.append("second")

    with pytest.raises(Stopped):
        work()
    assert done == ["first"]


def test_what_went_wrong_is_not_hidden_by_a_signal():
    def work():
        with listening(), held():
            send(signal.SIGINT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    # And the next command is not ended by it.
    with listening(), held():
        pass


def test_a_signal_is_not_lost_while_an_object_is_taken_apart():
    """Python swallows what is raised there, and the run went on to its end."""

    class Object:
        def __del__(self):
            send(signal.SIGTERM)

    done = []

    def work():
        with listening():
            Object()
            done.append("taken apart")
            time.sleep(5.0)
            done.append("waited")

    with pytest.raises(Stopped):
        work()
    assert done == ["taken apart"]


def test_what_is_ignored_from_outside_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening():
            send(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_signals_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with listening():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
