"""Hypothesis strategies for small scenarios, valid and broken, and a writer of TOML.

Every valid scenario has all sections and simulates in a moment: a few periods, a few dozen
customers. Distributions come from short lists, so that their quantile tables are made once.
"""

import copy
import datetime as dt
import json
import math
import re

from hypothesis import strategies as st

NAMES = ("m", "young", "18 to 25", "größer", 'so-called "best"', "value", "n\\a")

CHURN = (
    0.0,
    0.05,
    0.4,
    1.0,
    {"distribution": "beta", "a": 0.8, "b": 12.0},
    {"distribution": "uniform", "loc": 0.1, "scale": 0.3},
    {"distribution": "bernoulli", "p": 0.2},
    {"survivors": [1000, 869, 743, 653, 593, 551]},
    {"survivors": [100, 90, 81]},
)
SPEND = (
    0.0,
    20,
    {"distribution": "gamma", "a": 2.0, "scale": 15.0},
    {"distribution": "lognorm", "s": 0.7, "scale": 30.0},
    {"distribution": "poisson", "mu": 20},
)
LIFT = (
    0.0,
    0.3,
    -0.2,
    1.0,
    {"distribution": "uniform", "loc": -0.5, "scale": 1.0},
)
_KEEPS = {"states": ["hot", "cold", "gone"], "state_values": [30.0, 4.0, 0.0]}
_ROWS = [[0.6, 0.3, 0.1], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]]
CHAINS = (
    _KEEPS | {"transitions": _ROWS},
    _KEEPS | {"transitions": _ROWS, "start_state": "cold", "contact_costs": [1.0, 0.5, 0.0]},
    _KEEPS
    | {
        "transitions": _ROWS,
        "transitions_uncontacted": [[0.2, 0.4, 0.4], [0.0, 0.75, 0.25], [0.0, 0.0, 1.0]],
        "contacts": [True, False, False],
    },
    # Nobody ever leaves, and one state loses money.
    {"states": ["best", "so-so"], "transitions": [[0.5, 0.5], [0.1, 0.9]],
     "state_values": [12.0, -3.0]},
)  # fmt: skip
#: Beginnings of keys that only segments under contract have.
CONTRACT_ONLY = ("call_", "spend_by_tenure", "spend_season")
#: Keys of offers that only contracts have.
TERM_ONLY = (
    "term", "renews", "termination_fee", "flat_termination_fee", "on_leaving", "reluctance",
)  # fmt: skip
RELATIONSHIPS = ("states", "buyers", "contract", "buyers", "states")
TRAITS = ("churn", "spend", "lift", "keenness")
PAIRS = tuple((a, b) for i, a in enumerate(TRAITS) for b in TRAITS[i + 1 :])
KINDS = (
    "add_on",
    "brand_campaign",
    "loyalty",
    "nurture",
    "onboarding",
    "price_change",
    "retention",
)

shares = st.sampled_from((0.0, 0.1, 0.5, 1.0))
factors = st.sampled_from((0.0, 0.5, 1.0, 1.7))
money = st.sampled_from((0.0, 0.5, 7, 120.0))
few = st.integers(0, 4)


def some(fields):
    """A table with any of the optional fields."""
    return st.fixed_dictionaries({}, optional=fields)


def names(least=1, most=2):
    return st.lists(st.sampled_from(NAMES), min_size=least, max_size=most, unique=True)


@st.composite
def segments(draw, *, plain=False):
    """A segment; a plain one is under contract."""
    segment = draw(
        some(
            {
                "lift": st.sampled_from(LIFT),
                "hazard_by_tenure": st.lists(factors, max_size=3),
                "hazard_season": st.lists(factors, max_size=3),
                "cost_share": shares,
                "royalty_share": shares,
                "spend_by_tenure": st.lists(st.sampled_from((0.5, 1.0, 1.7)), max_size=3),
                "spend_season": st.lists(st.sampled_from((0.5, 1.0, 1.7)), max_size=3),
                "cost_to_serve": money,
                "price_sensitivity": st.sampled_from((0, 2.5)),
                "impatience": st.sampled_from((0.0, 4.0)),
                "price_rise_sensitivity": st.sampled_from((0.0, 3.0)),
                "price_rise_periods": st.integers(1, 4),
                "call_share": shares,
                "call_cost": money,
            }
        )
    )
    segment["churn"] = draw(st.sampled_from(CHURN))
    segment["spend"] = draw(st.sampled_from(SPEND))
    relationship = "contract" if plain else draw(st.sampled_from(RELATIONSHIPS))
    if relationship == "buyers":
        segment = draw(buyers(segment))
    elif relationship == "states":
        segment = draw(movers(segment))
    pairs = draw(st.lists(st.sampled_from(PAIRS), max_size=3, unique=True))
    # Three of 0.3 a trait at most: the diagonal dominates.
    segment["correlations"] = [
        {"between": list(pair), "value": draw(st.sampled_from((-0.3, 0.0, 0.2)))} for pair in pairs
    ]
    return segment


@st.composite
def buyers(draw, segment):
    """A segment that buys now and then, from one under contract."""
    kept = {key: value for key, value in segment.items() if not key.startswith(CONTRACT_ONLY)}
    kept |= draw(some({"spend_shape": st.sampled_from((0.5, 6)), "cost_per_purchase": money,
                       "rate_season": st.lists(factors, max_size=3)}))  # fmt: skip
    kept["relationship"] = draw(st.sampled_from(("bg/nbd", "pareto/nbd", "bg/bb")))
    if "survivors" in (kept["churn"] if isinstance(kept["churn"], dict) else ()):
        kept["churn"] = 0.1
    rate = st.sampled_from((0.0, 0.7, 3, {"distribution": "gamma", "a": 0.5, "scale": 2.0}))
    if kept["relationship"] == "bg/bb":
        kept["purchase_probability"] = draw(st.sampled_from(CHURN[:7]))
    else:
        kept["purchase_rate"] = draw(rate)
    if kept["relationship"] == "pareto/nbd":
        del kept["churn"]
        kept["death_rate"] = draw(st.sampled_from((0.0, 0.1, {"distribution": "expon"})))
    return kept


@st.composite
def movers(draw, segment):
    """A segment that moves between states, from one under contract."""
    kept = {key: value for key, value in segment.items() if not key.startswith(CONTRACT_ONLY)}
    del kept["churn"]
    if draw(st.booleans()):
        del kept["spend"]
    return kept | {"relationship": "states"} | copy.deepcopy(draw(st.sampled_from(CHAINS)))


@st.composite
def offers(draw):
    offer = draw(some({"free_periods": few, "gift": money, "gift_value": money,
                       "equipment_subsidy": money}))  # fmt: skip
    if draw(st.booleans()):
        offer["discount"] = draw(st.lists(shares, min_size=1, max_size=5))
    else:
        offer["discount"] = draw(shares)
        offer["discount_periods"] = draw(st.integers(1, 4))
    if draw(st.booleans()):
        offer["term"] = draw(st.integers(1, 4))
        offer |= draw(some({"renews": st.booleans(), "termination_fee": money,
                            "flat_termination_fee": money,
                            "on_leaving": st.sampled_from(("hold", "fee")),
                            "reluctance": st.sampled_from((0.0, 1.5))}))  # fmt: skip
    return offer


def reaches():
    ceiling = st.sampled_from((10.0, 200))
    return st.one_of(
        st.fixed_dictionaries(
            {"kind": st.just("linear"), "cost_per_prospect": st.sampled_from((1.0, 30))}
        ),
        st.fixed_dictionaries(
            {"kind": st.just("saturating"), "ceiling": ceiling, "rate": st.just(0.01)}
        ),
        st.fixed_dictionaries(
            {"kind": st.just("hill"), "ceiling": ceiling, "half": st.just(50.0)},
            optional={"slope": st.sampled_from((0.5, 1, 3.0))},
        ),
    )


def periods_of(draw, periods, least=0):
    """A period of the horizon: its number, a month, or a day with or without quotes."""
    period = draw(st.integers(least, periods - 1))
    month = dt.date(2026, 1 + period, 15)
    return draw(st.sampled_from((period, f"{month:%Y-%m}", f"{month:%Y-%m-%d}", month)))


def spends(draw, periods):
    kind = draw(st.sampled_from(("constant", "list", "steps")))
    if kind == "constant":
        return draw(money)
    if kind == "list":
        return draw(st.lists(money, min_size=1, max_size=periods))
    steps = sorted(draw(st.sets(st.integers(0, periods - 1), min_size=1, max_size=3)))
    return [{"from": step, "spend": draw(money)} for step in steps]


@st.composite
def channels(draw, periods, known):
    reached = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
    if draw(st.sampled_from((False, False, True))):
        own = {"reach": {"kind": "organic", "prospects": draw(st.sampled_from((2.5, [4.0])))}}
        late = {}
    else:
        own = {"spend": spends(draw, periods), "reach": draw(reaches())}
        late = {"carry_over": st.sampled_from((0.0, 0.6))}
        if draw(st.booleans()):
            own["earlier_spend"] = draw(money | st.lists(money, min_size=1, max_size=3))
    if "earlier_spend" not in own:
        late["steady"] = st.booleans()
    channel = own | {
        "segments": {name: 1.0 / len(reached) for name in reached},
    }
    rates = st.sampled_from((0.0, 0.02, 0.4))
    channel["conversion"] = draw(rates | st.fixed_dictionaries(dict.fromkeys(reached, rates)))
    return channel | draw(
        some(
            late
            | {
                "lead_time": st.sampled_from(([], [1.0], [0.25, 0.5, 0.25])),
            }
        )
    )


def programs_of(draw, kind, periods, known, sources):
    """A program of a kind."""
    hazard = {"hazard": factors}
    own = {
        "add_on": ({"adoption": shares}, {"from_tenure": few, "price": money, "cost": money,
                                          "adoption_cost": money, **hazard}),
        "brand_campaign": ({"conversion_odds": st.sampled_from((0.5, 1.0, 3))}, {}),
        "loyalty": ({}, {"member_share": shares, "at_tenure": few,
                         "benefit": st.sampled_from((0.0, 0.3)),
                         "cost_per_member": money, "enrolment_cost": money, **hazard}),
        "nurture": ({"conversion_odds": st.just(2.0)}, {"cost_per_lead": money}),
        "onboarding": ({"tenures": st.integers(1, 4)}, {"cost_per_customer": money, **hazard}),
        "price_change": ({"change": st.sampled_from((-0.2, 0.0, 0.5))}, {}),
        "retention": ({}, {"target": st.sampled_from(("random", "value", "risk", "lift")),
                           "share": shares, "every": st.integers(1, 3), "first_tenure": few,
                           "contact_cost": money, "acceptance": shares, "incentive": money,
                           "discount": st.sampled_from((0.0, 0.4)), "duration": st.integers(1, 3),
                           "personal_lift": st.booleans(), "spend": factors, **hazard}),
    }[kind]  # fmt: skip
    shared = {
        "enabled": st.sampled_from((True, True, True, False)),
        "segments": st.lists(st.sampled_from(known), max_size=2, unique=True),
        "sources": st.lists(st.sampled_from(sources), max_size=2, unique=True),
        "fixed_cost": money,
        "timing": st.sampled_from(("start", "mid", "end")),
    }
    program = {"kind": kind, **draw(st.fixed_dictionaries(own[0], optional=own[1] | shared))}
    if draw(st.booleans()):
        first = draw(st.integers(0, periods - 1))
        program["first"] = first
        program["last"] = draw(st.integers(first, periods - 1))
    else:
        program["first"] = periods_of(draw, periods)
    return program


def choosy(draw, program, segment_tables):
    """A retention program, asking for purchases so far or for states where there are any."""
    concerned = [name for name, one in segment_tables.items() if "relationship" in one]
    if not concerned:
        return program
    segment = draw(st.sampled_from(concerned))
    there = segment_tables[segment].get("states")
    if there:
        wanted = st.lists(st.sampled_from(there), min_size=1, max_size=2, unique=True)
        return program | {"segments": [segment], "states": draw(wanted)}
    window = some({"at_least": st.sampled_from((0, 1)), "at_most": st.sampled_from((2, 3))})
    asked = draw(some(dict.fromkeys(("value", "frequency", "recency"), window)))
    return program | {"segments": [segment], **asked}


@st.composite
def shocks(draw, periods):
    """What befalls all customers together."""
    if draw(st.booleans()):
        loading = st.sampled_from((0.0, 0.3, -0.2))
        return {
            "kind": "drift",
            "persistence": draw(st.sampled_from((0.0, 0.9))),
            **draw(some(dict.fromkeys(("hazard", "spend", "conversion"), loading))),
        }
    return {
        "kind": "event",
        "first": periods_of(draw, periods),
        "periods": draw(st.integers(1, 3)),
        "probability": draw(shares),
        **draw(
            some({"hazard": factors, "spend": factors, "conversion": st.sampled_from((0.5, 2.0))})
        ),
    }


#: Keys whose numbers may be anything from 0 to what the strategies draw.
DOUBTFUL = {
    "a", "at_most", "carry_over", "churn", "contact_cost", "cost_per_customer", "cost_share",
    "cost_to_serve", "death_rate", "equipment_subsidy", "fixed_cost", "gift", "hazard", "incentive",
    "price", "purchase_rate", "scale", "spend", "spend_shape",
}  # fmt: skip
#: What stands in the place of a number above 0: at most that, so that what held still holds.
SPREADS = {
    "uniform": lambda most: {"loc": 0.8 * most, "scale": 0.2 * most},
    "beta": lambda most: {"a": 2.0, "b": 3.0, "loc": 0.5 * most, "scale": 0.5 * most},
}


def with_doubt(draw, table):
    """The same tables, some numbers of which are drawn anew in every world."""
    changed = {}
    for key, value in table.items():
        if isinstance(value, dict):
            # A window of counts is of whole numbers, and all worlds share their shocks.
            is_sure = key in {"frequency", "shocks"}
            changed[key] = value if is_sure else with_doubt(draw, value)
        elif key in DOUBTFUL and type(value) in {int, float} and value > 0:
            name = draw(st.sampled_from(("", "", "uniform", "beta")))
            changed[key] = {"uncertain": name, **SPREADS[name](value)} if name else value
        else:
            changed[key] = value
    return changed


@st.composite
def scenarios(draw, *, plain=False):
    """A valid scenario with every section and every kind of program, as a table.

    A plain one has contracts only, and every number of it is known.
    """
    periods = draw(st.integers(1, 6))
    residual = draw(st.sampled_from(("none", "expected")))
    known = draw(names())
    offered = draw(names())
    made = {"offer": st.sampled_from(offered)}
    # Sources of all kinds share one space of names.
    places = [f"{kind} {name}" for kind, name in zip("abcd", NAMES, strict=False)]
    installed = draw(
        st.fixed_dictionaries(
            {
                "segment": st.sampled_from(known),
                "customers": st.integers(0, 20),
                "tenure": st.integers(0, 4) | st.lists(shares, max_size=3).map(lambda w: [*w, 1]),
            },
            optional={"offer": st.sampled_from(offered)},
        )
    )
    segment_tables = {name: draw(segments(plain=plain)) for name in known}
    if segment_tables[installed["segment"]].get("churn") == 1.0:
        installed["tenure"] = 0
    offer_tables = {name: draw(offers()) for name in offered}
    if any("relationship" in one for one in segment_tables.values()):
        for offer in offer_tables.values():
            for key in TERM_ONLY:
                offer.pop(key, None)
    kinds = draw(st.permutations(KINDS))
    programs = {f"{kind} 1": programs_of(draw, kind, periods, known, places[:4]) for kind in kinds}
    programs["retention 1"] = choosy(draw, programs["retention 1"], segment_tables)
    scenario = {
        "name": "small",
        "question": draw(st.sampled_from(("", "What if?\n\t'x' \"y\" \\"))),
        "time": {"periods": periods, "start": "2026-01", "step": "month"},
        "money": {
            "currency": "EUR",
            "discount_rate": draw(st.sampled_from((0.05, 0.3))),
            "timing": draw(st.sampled_from(("start", "mid", "end"))),
            "residual": residual,
            "fixed_costs": draw(money | st.lists(money, min_size=1, max_size=periods)),
            "fixed_costs_beyond": residual == "expected" and draw(st.booleans()),
        },
        "simulation": {"worlds": 2, "seed": draw(st.integers(0, 2**64 - 1))},
        **draw(some(made)),
        "segments": segment_tables,
        "offers": offer_tables,
        "channels": {
            place: draw(channels(periods, known)) | draw(some(made)) for place in places[:2]
        },
        "cohorts": {
            places[2]: {
                "segment": draw(st.sampled_from(known)),
                "customers": draw(st.integers(0, 20)),
                "joins": periods_of(draw, periods),
                "cost_per_customer": draw(money),
                **draw(some(made)),
            }
        },
        "installed_base": {places[3]: installed},
        "programs": programs,
    }
    if plain:
        return scenario
    befall = draw(st.lists(shocks(periods), max_size=2))
    scenario["shocks"] = {f"shock {number}": shock for number, shock in enumerate(befall)}
    return with_doubt(draw, scenario) if draw(st.booleans()) else scenario


# Broken scenarios

EXAMPLE = {
    "offer": "intro",
    "time": {"periods": 6, "start": "2026-01"},
    "money": {"discount_rate": 0.1, "residual": "expected"},
    "segments": {
        "young": {
            "churn": {"distribution": "beta", "a": 0.8, "b": 12.0},
            "spend": {"distribution": "gamma", "a": 2.0, "scale": 15.0},
            "correlations": [{"between": ["churn", "spend"], "value": -0.3}],
        },
        "families": {"churn": {"survivors": [1000, 900, 830, 790]}, "spend": 45},
    },
    "offers": {"intro": {"discount": [0.5, 0.5], "term": 3}},
    "channels": {
        "search": {
            "spend": [{"from": "2026-01", "spend": 500}, {"from": "2026-04", "spend": 100}],
            "reach": {"kind": "saturating", "ceiling": 2000, "rate": 0.001},
            "conversion": {"young": 0.03, "families": 0.02},
            "segments": {"young": 0.6, "families": 0.4},
        }
    },
    "cohorts": {"launch": {"segment": "young", "customers": 10, "joins": "2026-02"}},
    "installed_base": {"old": {"segment": "families", "customers": 10, "tenure": 24}},
    "programs": {"calls": {"kind": "retention", "share": 0.2, "sources": ["search", "old"]}},
}
"""A valid scenario to break: quicker to have than a drawn one."""


def examples():
    """Mostly the one scenario, now and then a drawn one."""
    one = st.just(EXAMPLE)
    return one | one | one | scenarios(plain=True)


def _first(scenario, section):
    return next(iter(scenario[section]))


def _set(path, *values):
    """A mutation that puts one of some values at a path; ``*`` stands for the first name."""

    def mutate(draw, scenario):
        table, place = scenario, []
        for key in path[:-1]:
            key = next(iter(table)) if key == "*" else key  # noqa: PLW2901
            table = table.setdefault(key, {})
            place.append(key)
        table[path[-1]] = draw(st.sampled_from(values))
        return (*place, path[-1])

    return mutate


def _dangling_program(draw, scenario):
    name = _first(scenario, "programs")
    key = draw(st.sampled_from(("segments", "sources")))
    scenario["programs"][name][key] = ["nobody"]
    return ("programs", name, key, 0)


def _shares_off(_draw, scenario):
    name = _first(scenario, "channels")
    shares_of = scenario["channels"][name]["segments"]
    shares_of[next(iter(shares_of))] += 0.01 if len(shares_of) > 1 else -0.01
    return ("channels", name, "segments")


def _lost_conversion(_draw, scenario):
    name = _first(scenario, "channels")
    channel = scenario["channels"][name]
    lost = next(iter(channel["segments"]))
    channel["conversion"] = {other: 0.1 for other in channel["segments"] if other != lost}
    return ("channels", name, "conversion", lost)


def _same_name(_draw, scenario):
    name = _first(scenario, "channels")
    scenario["cohorts"][name] = copy.deepcopy(next(iter(scenario["cohorts"].values())))
    return ("cohorts", name)


def _impossible_correlations(draw, scenario):
    name = _first(scenario, "segments")
    a, b, c = draw(st.permutations(TRAITS))[:3]
    scenario["segments"][name]["correlations"] = [
        {"between": [a, b], "value": 0.9},
        {"between": [c, b], "value": 0.9},
        {"between": [a, c], "value": -0.9},
    ]
    return ("segments", name, "correlations")


def _pair_twice(_draw, scenario):
    name = _first(scenario, "segments")
    scenario["segments"][name]["correlations"] = [
        {"between": ["churn", "spend"], "value": 0.1},
        {"between": ["spend", "churn"], "value": 0.1},
    ]
    return ("segments", name, "correlations", 1)


def _steps_out_of_order(draw, scenario):
    name = _first(scenario, "channels")
    scenario["time"]["periods"] = 6
    last = draw(st.sampled_from((2, 1, "2026-02")))
    scenario["channels"][name]["spend"] = [{"from": 2, "spend": 1}, {"from": last, "spend": 2}]
    return ("channels", name, "spend", 1, "from")


def _ends_before_it_begins(_draw, scenario):
    name = _first(scenario, "programs")
    scenario["time"]["periods"] = 6
    scenario["programs"][name] |= {"first": "2026-04", "last": 1}
    return ("programs", name, "last")


def _unreached_tenure(_draw, scenario):
    base = scenario["installed_base"][_first(scenario, "installed_base")]
    base |= {"tenure": 60, "customers": 5}
    scenario["segments"][base["segment"]]["churn"] = 0.4
    return ("installed_base", _first(scenario, "installed_base"), "tenure")


def _nobody_joins(_draw, scenario):
    for section in ("channels", "cohorts", "installed_base"):
        del scenario[section]
    for program in scenario["programs"].values():
        program.pop("sources", None)
    return ()


def _lost_key(draw, scenario):
    path = draw(
        st.sampled_from(
            (
                ("segments", "*", "churn"),
                ("channels", "*", "reach"),
                ("programs", "*", "kind"),
                ("cohorts", "*", "segment"),
                ("time", "periods"),
            )
        )
    )
    table, place = scenario, []
    for key in path[:-1]:
        key = next(iter(table)) if key == "*" else key  # noqa: PLW2901
        table = table[key]
        place.append(key)
    del table[path[-1]]
    # Without its kind a program is nothing that could have keys: the table itself is at fault.
    return tuple(place) if path[-1] == "kind" else (*place, path[-1])


NAN, INFINITE = math.nan, math.inf
NOT_MONEY = (-1, -0.01, NAN, INFINITE, 1e16, "7", True, [7.0, "x"], {}, dt.date(2026, 1, 1))
NOT_A_SHARE = (-0.1, 1.1, NAN, "0.5", False)
MUTATIONS = (
    _set(("colour",), 1, {}, []),
    _set(("segments", "*", "chrun"), 0.1),
    _set(("programs", "*", "hazrd"), 0.1),
    _set(("money", "discount_rate"), -0.1, NAN, INFINITE, "5 %", 11, [0.1]),
    _set(("money", "currency"), "euro", 3, ""),
    _set(("money", "fixed_costs"), *NOT_MONEY, [], [1.0] * 7),
    _set(("money", "fixed_costs_beyond"), 1, "yes", [True], {}),
    _set(("time", "periods"), 0, 1.5, 5000, "12", True),
    _set(("time", "start"), "2026-13", "2026-02-30", "January", 2026),
    _set(("time", "step"), "day", "months", 1),
    _set(("simulation", "worlds"), 0, -1, 1.5, "many"),
    _set(("simulation", "seed"), -1, 2**64, 0.5),
    _set(("segments",), {}, [], 1),
    _set(("segments", "*", "churn"), *NOT_A_SHARE, {"distribution": "bta", "a": 1, "b": 1},
         {"distribution": "beta", "a": -1, "b": 1}, {"distribution": "beta", "a": 1},
         {"distribution": "norm", "loc": 0.1, "scale": 0.01}, {"distribution": "beta", "a": NAN},
         {"distribution": "poisson", "mu": 0.1}, {"survivors": []}, {"survivors": [10, 12]},
         {"survivors": [0, 0]}, {"survivors": [1.0, 0.9]}, {"survivors": [900, 400, 400, 400]},
         {"survivors": [10, NAN]}),
    _set(("segments", "*", "spend"), *NOT_MONEY[:-1],
         {"distribution": "norm", "loc": 20, "scale": 1},
         {"distribution": "pareto", "b": 1.0}, {"distribution": "zipf", "a": 1.5},
         {"distribution": "lognorm", "s": 20.0}, {"distribution": "gamma", "a": 2, "scal": 1}),
    _set(("segments", "*", "lift"), 1.01, NAN, "x", {"distribution": "expon"},
         {"distribution": "uniform", "scale": 1.5}),
    _set(("segments", "*", "hazard_season"), [-1], [NAN], 1.0, ["x"]),
    _set(("channels", "*", "conversion"), 1.0, -0.1, NAN, "x", {"nobody": 0.1}, {}),
    _set(("channels", "*", "spend"), *NOT_MONEY, [], [1.0] * 7, [{"from": 0}],
         [{"from": "2025-12", "spend": 1}], [{"from": 0, "spend": 1}, 5]),
    _set(("channels", "*", "reach"), 5, {}, {"kind": "linaer"}, {"kind": "linear"},
         {"kind": "linear", "cost_per_prospect": 0}, {"kind": "hill", "ceiling": 1, "half": -1}),
    _set(("channels", "*", "carry_over"), 1.0, NAN),
    _set(("channels", "*", "lead_time"), [0.5, 0.4], [1.5, -0.5], 1),
    _set(("channels", "*", "offer"), "nothing", 3, ""),
    _set(("channels", "*", "segments"), {}, {"nobody": 1.0}, [], {"": 1.0}),
    _set(("offer",), "nothing", "", []),
    _set(("offers", "*", "discount"), *NOT_A_SHARE, [0.5, 2], []),
    _set(("offers", "*", "term"), -1, 1.5, "year"),
    _set(("cohorts", "*", "segment"), "nobody", 1),
    _set(("cohorts", "*", "offer"), "nothing"),
    _set(("cohorts", "*", "joins"), 6, "2025-12", "2026-09-01", -1, "soon", 1.5,
         dt.date(2031, 1, 1)),
    _set(("cohorts", "*", "customers"), -1, 1.5, "all", 5_000_000_000),
    _set(("installed_base", "*", "segment"), "nobody"),
    _set(("installed_base", "*", "tenure"), [], [0.0], -1, 5000, [-1.0], "old"),
    _set(("programs", "*", "kind"), "loyality", 1, ""),
    _set(("programs", "*", "first"), 6, "2025-12", "2026-00", [], dt.date(2025, 12, 31)),
    _set(("programs", "*", "last"), 6, "2027-01", "2026-02-30"),
    _set(("programs", "*", "fixed_cost"), *NOT_MONEY),
    _set(("programs", "*", "enabled"), 1, "yes"),
    _set(("programs",), [], "none", {"": {"kind": "loyalty"}}, {"a": 1},
         {"line\nbreak": {"kind": "loyalty"}}, {"x" * 81: {"kind": "loyalty"}}),
    _set(("variants",), 3, {"a": 1}, {"a": {}}, {"a": {"programs": {}}}, {"a": {"name": "b"}},
         {"baseline": {"offer": "x"}}, {"a": {"time": {"periods": 60}}},
         {"a": {"money": {"currency": "USD"}}}, {"a": {"programs": {"nothing": {"hazard": 0.5}}}},
         {"a": {"offers": {"nothing": {"gift": 1}}}}, {"a": {"segments": {"x": {"churn": 0}}}}),
    _dangling_program,
    _shares_off,
    _lost_conversion,
    _same_name,
    _impossible_correlations,
    _pair_twice,
    _steps_out_of_order,
    _ends_before_it_begins,
    _unreached_tenure,
    _nobody_joins,
    _lost_key,
)  # fmt: skip


@st.composite
def broken(draw):
    """A scenario with one mistake, and the dotted path at or below which a fault must be."""
    scenario = copy.deepcopy(draw(examples()))
    path = draw(st.sampled_from(MUTATIONS))(draw, scenario)
    return scenario, path


values = st.recursive(
    st.sampled_from((0, 1, -1, 0.5, 1e300, -1e300, 2**63, NAN, INFINITE, True, "", "x", "2026-03"))
    | st.dates()
    | st.datetimes()
    | st.times(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("kind", "distribution", "survivors", "from", "spend", "a", "", "é")),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@st.composite
def junk(draw):
    """A scenario in which anything stands at any place, at several places."""
    scenario = copy.deepcopy(draw(examples()))
    for _ in range(draw(st.integers(1, 4))):
        table = scenario
        while True:
            key = draw(st.sampled_from(list(table) if isinstance(table, dict) else
                                       range(len(table))))  # fmt: skip
            inner = table[key]
            is_leaf = not isinstance(inner, dict | list) or not inner
            if is_leaf or draw(st.integers(0, 3)) == 0:
                table[key] = draw(values)
                break
            table = inner
    return scenario


# Writing


def to_toml(table):
    """A table as TOML: nested tables as sections, lists and what is in them in line."""
    return "".join(_section(table, ()))


def _section(table, path):
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if path:
        yield f"[{'.'.join(map(_key, path))}]\n"
    for key, value in plain.items():
        yield f"{_key(key)} = {_value(value)}\n"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _section(value, (*path, key))


def _key(key):
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(text):
    # JSON leaves one control character as it is that TOML refuses.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _value(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items())}}}"
    return repr(value)
