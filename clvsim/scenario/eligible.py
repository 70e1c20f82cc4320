"""Whom programs choose: nobody that they describe, or segments that know nothing of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from clvsim.errors import Fault, closest
from clvsim.scenario.segments import PURCHASES, relationship_of
from clvsim.scenario.toml import Document

Tables = Mapping[str, Mapping[str, Any]]

HISTORY = ("recency", "frequency", "value")
"""What programs may ask for of the purchases so far."""


def eligible_faults(document: Document, programs: Tables, segments: Tables) -> Iterator[Fault]:
    """Programs that nobody can be eligible for, or that ask for what is not there to ask for."""
    for name, program in programs.items():
        yield from _empty_tenures(document, name, program)
        for key in HISTORY:
            wanted = program.get(key)
            if isinstance(wanted, Mapping):
                yield from _empty_windows(document, name, key, wanted)
                yield from _without_purchases(document, name, key, program, segments)
        yield from _unknown_states(document, name, program, segments)


def concerned(program: Mapping[str, Any], segments: Tables) -> list[tuple[int, str]]:
    """Segments that a program concerns, with their place in its list."""
    named = program.get("segments")
    names = named if isinstance(named, list) and named else list(segments)
    return [
        (place, one) for place, one in enumerate(names) if isinstance(one, str) and one in segments
    ]


def _empty_tenures(document: Document, name: str, program: Mapping[str, Any]) -> Iterator[Fault]:
    """Programs whose least tenure lies above the greatest: nobody is ever eligible."""
    first, last = program.get("first_tenure", 0), program.get("last_tenure")
    if type(first) is int and type(last) is int and 0 <= last < first:
        message = f"nobody has a tenure of at least {first:,} and at most {last:,} periods"
        path = ("programs", name, "last_tenure")
        yield document.fault(path, message, f"a whole number of at least {first:,}")


def _empty_windows(
    document: Document, name: str, key: str, wanted: Mapping[str, Any]
) -> Iterator[Fault]:
    """Windows whose least number lies above the greatest."""
    least, most = wanted.get("at_least"), wanted.get("at_most")
    if not (isinstance(least, int | float) and isinstance(most, int | float)):
        return
    if 0 <= most < least:
        message = f"nobody has a {key} of at least {least:,} and at most {most:,}"
        path = ("programs", name, key, "at_most")
        yield document.fault(path, message, f"a number of at least {least:,}")


def _without_purchases(
    document: Document, name: str, key: str, program: Mapping[str, Any], segments: Tables
) -> Iterator[Fault]:
    """Programs that ask for purchases so far in a segment that has none."""
    if program.get("enabled", True) is not True:
        return
    for place, segment in concerned(program, segments):
        relationship = relationship_of(segments[segment])
        if relationship in PURCHASES:
            continue
        why = "is under contract" if relationship == "contract" else "moves between states"
        message = f"the segment '{segment}' {why}: it has no purchases to count a {key} of"
        buyers = [one for one in segments if relationship_of(segments[one]) in PURCHASES]
        allowed = "segments with the relationship bg/nbd, pareto/nbd or bg/bb"
        allowed += f": {', '.join(buyers)}" if buyers else ""
        at = ("segments", place) if program.get("segments") else (key,)
        yield document.fault(("programs", name, *at), message, allowed)
        return


def _unknown_states(
    document: Document, name: str, program: Mapping[str, Any], segments: Tables
) -> Iterator[Fault]:
    """Programs that ask for states in a segment that has none, or for states that none has."""
    wanted = program.get("states")
    if not isinstance(wanted, list) or not wanted or program.get("enabled", True) is not True:
        return
    known: list[str] = []
    for place, segment in concerned(program, segments):
        if relationship_of(segments[segment]) != "states":
            message = f"the segment '{segment}' does not move between states"
            movers = [one for one in segments if relationship_of(segments[one]) == "states"]
            allowed = 'segments with the relationship "states"'
            allowed += f": {', '.join(movers)}" if movers else ""
            at = ("segments", place) if program.get("segments") else ("states",)
            yield document.fault(("programs", name, *at), message, allowed)
            return
        states = segments[segment].get("states")
        known += [one for one in states if isinstance(one, str)] if isinstance(states, list) else []
    for place, state in enumerate(wanted):
        if isinstance(state, str) and known and state not in known:
            path = ("programs", name, "states", place)
            message = f"no segment of the program has a state '{state}'"
            allowed = ", ".join(dict.fromkeys(known))
            yield document.fault(path, message, allowed, closest(state, known))
