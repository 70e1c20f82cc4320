"""The group of all commands: wrong options, too, are told as JSON where that is asked for."""

from typing import Any, cast

import typer
from typer.core import TyperGroup

from clvsim.cli.guard import begin, tell_errors
from clvsim.errors import InputError

#: What is raised for every wrong option or argument.
_USAGE = cast("type[Exception]", typer.BadParameter.__mro__[1])
_JSON = "--json"


class Group(TyperGroup):
    """Commands of which those with ``--json`` tell wrong options on stdout as JSON."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember whether JSON is asked for: who asks wrongly is not asked again."""
        ctx.meta[_JSON] = _JSON in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Invoke the command; its exit code and the line on stderr stay as they are."""
        begin()
        try:
            return super().invoke(ctx)
        except _USAGE as error:
            if ctx.meta[_JSON]:
                text = getattr(error, "format_message", error.__str__)()
                tell_errors(InputError(text))
            raise
