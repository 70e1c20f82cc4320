"""Programs that concern nobody, come too late, or cost and change nothing."""

from collections.abc import Iterator, Sequence

from clvsim.programs import AnyProgram
from clvsim.programs.add_on import AddOn
from clvsim.programs.brand_campaign import BrandCampaign
from clvsim.programs.loyalty import Loyalty
from clvsim.programs.nurture import Nurture
from clvsim.programs.onboarding import Onboarding
from clvsim.programs.price_change import PriceChange
from clvsim.programs.retention import Retention
from clvsim.scenario.lines import Path
from clvsim.scenario.look import Look
from clvsim.scenario.model import AnySegment, Scenario
from clvsim.scenario.there import Source, is_constant, sources

#: Keys that are amounts of money spent, or what is let off.
_COSTS = (
    "fixed_cost",
    "contact_cost",
    "incentive",
    "cost_per_customer",
    "cost_per_member",
    "enrolment_cost",
    "adoption_cost",
    "cost",
    "cost_per_lead",
)
_FOR_EVER = 1_000_000


def looks_at_programs(scenario: Scenario) -> Iterator[Look]:
    """What can be said of the programs of one scenario."""
    there = sources(scenario)
    for name, program in scenario.programs.items():
        path: Path = ("programs", name)
        yield Look(path, "" if program.enabled else "no scenario of the file enables it", "enabled")
        if not program.enabled:
            continue
        concerned = _concerned(program, there)
        why = _why_nobody(scenario, program, concerned)
        yield Look(path, why, "whom")
        if why:
            continue
        yield from _looks_inside(scenario, path, program, concerned)
        if not any(one.path[:2] == path for one in scenario.uncertain):
            yield Look(path, _why_nothing(scenario, program, concerned), "effect")


def _concerned(program: AnyProgram, there: list[Source]) -> list[tuple[Source, str]]:
    """Sources and segments that a program concerns, of those that somebody is in."""
    return [
        (one, segment)
        for one in there
        for segment in one.segments
        if (not program.sources or one.name in program.sources)
        and (not program.segments or segment in program.segments)
    ]


def _why_nobody(
    scenario: Scenario, program: AnyProgram, concerned: list[tuple[Source, str]]
) -> str:
    """Why a program reaches nobody: nobody is there, comes by a channel, or has such a tenure."""
    if not concerned:
        named = [*program.segments, *program.sources]
        return f"it is for {_listed(named)}, and nobody comes" if named else "nobody ever joins"
    calendar = scenario.time.calendar
    begin = calendar.period(program.first)
    end = calendar.periods - 1 if program.last is None else calendar.period(program.last)
    if isinstance(program, (BrandCampaign, Nurture)):
        channels = [one for one, _ in concerned if one.section == "channels"]
        if not channels:
            return "nobody whom it concerns comes by a channel: there are no prospects to win"
        late = all(one.last < begin or one.first > end for one in channels)
        return "none of its channels has prospects while it runs" if late else ""
    least, most = _asked(program)
    reached = [one.tenures(max(begin, one.first), end) for one, _ in concerned if one.first <= end]
    if any(low <= most and high >= least for low, high in reached):
        return ""
    longest = max((high for _, high in reached), default=0)
    if longest < least:
        return (
            f"it begins at a tenure of {least:,} periods, and nobody stays for more than "
            f"{longest:,} of them while it runs"
        )
    return f"it ends at a tenure of {most:,} periods, and nobody is so new while it runs"


def _asked(program: AnyProgram) -> tuple[int, int]:
    """Least and greatest tenure at which a program acts."""
    if isinstance(program, Loyalty):
        return program.at_tenure, _FOR_EVER
    if isinstance(program, AddOn):
        return program.from_tenure, _FOR_EVER
    if isinstance(program, Onboarding):
        return 0, program.tenures - 1
    if isinstance(program, Retention):
        last = _FOR_EVER if program.last_tenure is None else program.last_tenure
        return program.first_tenure, last
    return 0, _FOR_EVER


def _looks_inside(
    scenario: Scenario, path: Path, program: AnyProgram, concerned: list[tuple[Source, str]]
) -> Iterator[Look]:
    """Keys of a program that do nothing there."""
    for place, segment in enumerate(program.segments):
        why = "" if any(own == segment for _, own in concerned) else "nobody joins in it"
        yield Look((*path, "segments", place), why)
    if not isinstance(program, Retention):
        return
    if program.every > scenario.time.periods:
        why = (
            f"the horizon is {scenario.time.periods:,} periods: there is one contact, in the "
            "program's first"
        )
        yield Look((*path, "every"), why)
    elif program.every > 1:
        yield Look((*path, "every"), "")
    segments = [scenario.segments[own] for _, own in concerned]
    if program.target == "lift":
        same = all(is_constant(one, "lift") for one in segments)
        why = "lift is the same for all whom it concerns: it chooses at random" if same else ""
        yield Look((*path, "target"), why, hint="a distribution of lift")
    if program.personal_lift:
        none = all(isinstance(one.lift, float) and one.lift == 0.0 for one in segments)
        why = "nobody whom it concerns has a lift" if none else ""
        yield Look((*path, "personal_lift"), why, hint="a lift of the segment")


def _why_nothing(
    scenario: Scenario, program: AnyProgram, concerned: list[tuple[Source, str]]
) -> str:
    """Why a program that reaches somebody changes nothing, or costs without an effect."""
    share = _nobody_enters(program)
    if share:
        return share
    segments = [scenario.segments[own] for _, own in concerned]
    if isinstance(program, PriceChange) and program.change > 0.0:
        if any(one.price_rise_sensitivity > 0.0 for one in segments):
            return ""
        return "nobody whom it concerns has a price_rise_sensitivity: a rise that nobody minds"
    if isinstance(program, PriceChange) and program.change < 0.0:
        if program.rate != 1.0 or any(one.price_sensitivity > 0.0 for one in segments):
            return ""
        return "nobody comes, stays or buys more for a lower price: it costs and brings in nothing"
    if _has_effect(program, segments):
        return ""
    costs = any(getattr(program, key, 0.0) > 0.0 for key in _COSTS)
    return "it costs, and changes nothing" if costs else "it changes nothing"


def _nobody_enters(program: AnyProgram) -> str:
    """Why nobody is ever treated, becomes a member or adopts."""
    if isinstance(program, Retention) and program.share == 0.0:
        return "its share is 0: it contacts nobody"
    if isinstance(program, Retention) and program.acceptance == 0.0:
        return "its acceptance is 0: it costs contacts, and changes nothing"
    if isinstance(program, Loyalty) and program.member_share == 0.0:
        return "its member_share is 0: nobody enrols"
    if isinstance(program, AddOn) and program.adoption == 0.0:
        return "its adoption is 0: nobody takes it"
    return ""


def _has_effect(program: AnyProgram, segments: Sequence[AnySegment]) -> bool:
    """Whether a program changes lives, purchases, spend or conversion.

    Of a kind that is not known here, nothing can be said: it does.
    """
    if isinstance(program, (BrandCampaign, Nurture)):
        return program.conversion_odds != 1.0
    if not isinstance(program, (AddOn, Loyalty, Onboarding, PriceChange, Retention)):
        return True
    changed = any(getattr(program, key, 1.0) != 1.0 for key in ("hazard", "rate", "spend"))
    given = any(getattr(program, key, 0.0) > 0.0 for key in ("discount", "benefit", "price"))
    lifts = isinstance(program, Retention) and program.personal_lift
    lifts = lifts and any(one.lift != 0.0 for one in segments)
    return changed or given or lifts


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
