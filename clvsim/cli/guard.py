"""From errors to exit codes: one line on stderr and never a traceback.

With ``--json`` stdout has one JSON document, whatever happens: the answer, or what is wrong.
"""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec

import typer

from clvsim.errors import ClvsimError, Fault, InputError, ScenarioError, escaped
from clvsim.files import recorded
from clvsim.signals import exit_code, listening

FINE, FAILED, WRONG_INPUT = 0, 1, 2
#: Environment variable that shows tracebacks.
DEBUG = "CLVSIM_DEBUG"
_KEYS = ("file", "line", "path", "message", "allowed", "hint")
#: Longest part of an unexpected error's text that is shown, characters.
_SHOWN = 200
#: Whether the JSON document of the command is on stdout already.
_ANSWERED: ContextVar[bool] = ContextVar("answered", default=False)
_Arguments = ParamSpec("_Arguments")


def is_debugging() -> bool:
    """Whether tracebacks and warnings are shown."""
    return os.environ.get(DEBUG, "") not in {"", "0"}


def tell(text: str) -> None:
    """A line for the user, on stderr."""
    print(escaped(text), file=sys.stderr, flush=True)  # noqa: T201


def say(text: str, *, ends: bool = True) -> None:
    """What the user asked for, on stdout; ``ends``: with the end of a line."""
    typer.echo(escaped(text), nl=ends)


def begin() -> None:
    """Nothing is on stdout yet."""
    _ANSWERED.set(False)


def answer(document: str) -> None:
    """The JSON document of a command, on stdout."""
    _ANSWERED.set(True)
    say(document)


def tell_errors(error: Exception) -> None:
    """What is wrong as a JSON document on stdout, unless it has one already.

    ``{"errors": [{file, line, path, message, allowed, hint}]}``; null where there is none.
    """
    if _ANSWERED.get():
        return
    import json

    faults = (
        error.faults if isinstance(error, ScenarioError) else [Fault("", None, "", _text(error))]
    )
    found = [{key: getattr(one, key) or None for key in _KEYS} for one in faults]
    answer(json.dumps({"errors": found}, indent=2, ensure_ascii=False))


def guarded(command: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
    """A command whose errors, and interrupts, end the program with a line and an exit code."""

    @functools.wraps(command)
    def careful(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        with listening(), recorded() as written:
            try:
                command(*args, **kwargs)
                if sys.stdout is not None:
                    sys.stdout.flush()
            except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
                raise
            except KeyboardInterrupt as stop:
                saved = f"saved: {', '.join(map(str, written))}" if written else "nothing was saved"
                tell(f"clvsim: interrupted; {saved}")
                raise typer.Exit(exit_code(stop)) from None
            except Exception as error:  # noqa: BLE001 - a user can do nothing with a traceback
                if is_debugging():
                    traceback.print_exc()
                if kwargs.get("json"):
                    tell_errors(error)
                tell(_line(error))
                raise typer.Exit(_code(error)) from None

    return careful


def quietly(program: Callable[[], None]) -> None:
    """Run the program; a reader that has gone away (``| head``) and an interrupt end it quietly."""
    try:
        program()
    except BrokenPipeError:
        # What is left in the buffer has no reader either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except KeyboardInterrupt as stop:
        tell("clvsim: interrupted")
        sys.exit(exit_code(stop))


def _code(error: Exception) -> int:
    return WRONG_INPUT if isinstance(error, (InputError, ScenarioError)) else FAILED


def _line(error: Exception) -> str:
    if isinstance(error, ScenarioError):
        count = len(error.faults)
        return f"{error}\n{count} fault{'' if count == 1 else 's'}"
    return f"clvsim: {_text(error)}"


def _text(error: Exception) -> str:
    """What is wrong, in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, ClvsimError):
        return text
    if isinstance(error, MemoryError):
        return "not enough memory: use fewer worlds, fewer periods or a longer step"
    if isinstance(error, OSError):
        return f"{error.filename or 'cannot write or read'}: {error.strerror or text}"
    return (
        f"unexpected error, please report it: {type(error).__name__}: {text[:_SHOWN]} "
        f"({DEBUG}=1 shows where)"
    )
