"""Ctrl-C and SIGTERM: they end a command at once, or when finished work has been put in safety."""

import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)
#: Seconds after which a signal is sent again that nobody could have heard.
_LATER = 0.02
#: Functions whose errors are printed and forgotten: Python has it so, and C that calls llvmlite.
_SWALLOW = frozenset({"__del__", "_raw_object_cache_notify", "_raw_object_cache_getbuffer"})


class Stopped(KeyboardInterrupt):
    """The user, or the system, wants the program to end.

    Attributes
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code(stop: KeyboardInterrupt) -> int:
    """What a shell expects of a program that a signal has ended: 130 (Ctrl-C) or 143 (SIGTERM)."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


class _State:
    """How deep in ``held`` the main thread is, and the signal that waits."""

    depth = 0
    waiting: int | None = None


def leave_at_once() -> None:
    """Until a command listens, and where nothing can be lost, both signals end the program."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)


@contextmanager
def listening() -> Iterator[None]:
    """Raise `Stopped` in this context, which is the main thread's, for each of both signals.

    A signal that is ignored from outside (``nohup``) stays ignored. What handled the signals before
    handles them again afterwards; but a program whose work is done ends as if nothing had happened.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: old
        for number in _ENDING
        if (old := signal.getsignal(number)) not in {signal.SIG_IGN, None}
    }
    _State.depth, _State.waiting = 0, None
    try:
        for number in before:
            signal.signal(number, _stop)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_IGN if old is _leave else old)


@contextmanager
def held() -> Iterator[None]:
    """Let a first signal wait until what is done here is done; a second one is heeded at once.

    Raises
    ------
    Stopped
        At the end, if a signal came and nothing else went wrong.
    """
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
    if _State.depth == 0 and (number := _State.waiting) is not None:
        _State.waiting = None
        raise Stopped(number)


def _leave(number: int, _: FrameType | None) -> None:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"clvsim: interrupted\n")
    os._exit(128 + number)


def _is_unheard(frame: FrameType | None) -> bool:
    """Whether what is raised would be swallowed: an object is taken apart, or C has called."""
    while frame is not None:
        if frame.f_code.co_name in _SWALLOW or frame.f_code.co_filename == weakref.__file__:
            return True
        frame = frame.f_back
    return False


def _send(number: int) -> None:
    """Send a signal to the main thread, which may be waiting."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)


def _stop(number: int, frame: FrameType | None) -> None:
    if _State.depth > 0 and _State.waiting is None:
        _State.waiting = number
        return
    if _is_unheard(frame):
        later = threading.Timer(_LATER, _send, (number,))
        later.daemon = True
        later.start()
        return
    _State.waiting = None
    raise Stopped(number)
