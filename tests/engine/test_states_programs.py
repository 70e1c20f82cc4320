"""Programs that choose persons who move between states: whom they reach and what they change."""

import numpy as np
import pytest

from clvsim.engine.compile import compile_scenario
from clvsim.errors import ClvsimError
from clvsim.kernels import plan as p
from clvsim.scenario.model import Scenario
from tests.engine.test_identity import AT_END, CELL, CLV, assert_identical, worlds_of
from tests.engine.test_states import SEED, compiled_of
from tests.kernels.test_states import CHAIN, PERSONAL, PROGRAMS, scenario_of
from tests.statistics import assert_proportion
from tests.twins import rows_of

NEUTRAL = {
    "add_on": {"adoption": 0.3},
    "loyalty": {"member_share": 0.5},
    "retention": {"share": 0.5, "acceptance": 0.5, "every": 2},
    "retention by value": {"target": "value", "share": 0.3, "duration": 3},
    "retention by risk": {"target": "risk", "share": 0.3, "segments": ["s"], "states": ["weak"]},
}
SOME = PROGRAMS | {name: PERSONAL[name] for name in ("add_on", "everybody", "value")}


@pytest.mark.parametrize("beside", [PROGRAMS, SOME], ids=["alone", "beside others"])
@pytest.mark.parametrize("kind", NEUTRAL)
def test_a_neutral_program_changes_no_bit(kind, beside):
    program = {"m_neutral": {"kind": kind.split()[0], **NEUTRAL[kind]}}
    without = ("program_cost", "program_flows")
    found = worlds_of(compiled_of(programs=beside | program), count=2)
    assert_identical(found, worlds_of(compiled_of(programs=beside), count=2), without=without)
    assert found.program_flows[:, sorted(beside | program).index("m_neutral"), p.ENTRIES].any()


def test_a_program_changes_only_the_customers_that_it_touches():
    letter = {"kind": "retention", "share": 0.3, "every": 30, "first": 6, "contact_cost": 1.0,
              "hazard": 0.5, "spend": 1.1, "duration": 3}  # fmt: skip
    without, compiled = compiled_of(), compiled_of(programs={"letter": letter})
    before, after = rows_of(without, SEED, 0), rows_of(compiled, SEED, 0)
    changed = (before != after).any(axis=1)
    world = worlds_of(compiled, count=1)
    assert changed.sum() == world.program_flows[0, 0, p.CONTACTS].sum() > 100
    moves = compiled.levers.cohorts.segment[before[changed, CELL].astype(int)] == "s"
    assert moves.any()


@pytest.mark.parametrize(
    ("changes", "money"),
    [
        ({"hazard": 0.6}, {"residual": "expected"}),
        ({"hazard": 1.0}, {"residual": "expected", "timing": "mid"}),
        ({"hazard": 1.5}, {}),
    ],
    ids=str,
)
def test_a_membership_of_all_is_a_lever_that_all_share(changes, money):
    """What a member pays and does, and is worth beyond the horizon, by two ways."""
    # A season in which customers move: beyond the horizon they go on to.
    usual = {"money": {"discount_rate": 0.12} | money, "time": {"periods": 14}}
    club = {"kind": "loyalty", "cost_per_member": 2.0, **changes}
    care = {"kind": "onboarding", "tenures": 4096, "cost_per_customer": 2.0, **changes}
    members = worlds_of(compiled_of(**usual, programs={"a": club}), count=2)
    shared = worlds_of(compiled_of(**usual, programs={"a": care}), count=2)
    counts = [p.ACTIVE, p.JOINED, p.LEFT, p.AT_RISK, p.DECIDED]
    np.testing.assert_array_equal(members.flows[:, counts], shared.flows[:, counts])
    assert (members.sums[:, :, p.SUM_RESIDUAL] != 0.0).any() == ("residual" in money)
    for name in ("sums", "present", "cash"):
        wanted = getattr(shared, name)
        scale = np.abs(wanted).max()
        found = getattr(members, name)
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13 * scale, err_msg=name)


def test_two_states_with_members_are_a_contract_with_members():
    stay = {"relationship": "states", "states": ["stays", "lost"], "state_values": [1.0, 0.0],
            "transitions": [[0.8, 0.2], [0.0, 1.0]], "spend": 10.0}  # fmt: skip
    club = {"kind": "loyalty", "benefit": 0.1, "cost_per_member": 0.5, "hazard": 0.5}
    tables = {
        "time": {"step": "year", "periods": 8},
        "money": {"discount_rate": 0.2, "timing": "start", "residual": "expected"},
        "segments": {"all": stay},
        "cohorts": {"cohort": {"segment": "all", "customers": 20_000}},
        "programs": {"club": club},
    }
    compiled = compile_scenario(Scenario.model_validate(tables))
    rows = rows_of(compiled, SEED, 0)
    kept, factor, margin = 0.8**0.5, 1.0 / 1.2, 10.0 * 0.9 - 0.5
    stayed = rows[:, AT_END] == 1.0
    assert_proportion(int(stayed.sum()), 20_000, kept**8, fault=1.08 * kept**8)
    worth = margin * (1.0 - factor**8) / (1.0 - factor)
    worth += factor**8 * margin / (1.0 - kept * factor)
    np.testing.assert_allclose(rows[stayed, CLV], worth, rtol=1e-12)


def contacts_of(letter, period, source):
    """Contacts, active customers and shares of all in each state, of one period."""
    plain = {"cost_to_serve": 0.0, "hazard_by_tenure": [1.0], "hazard_season": [1.0]}
    own = {"segment": "s", "customers": 30_000}
    tables = {
        "time": {"periods": 9},
        "segments": {"s": CHAIN | plain},
        "cohorts": {"a": own} if source == "new" else {},
        "installed_base": {"a": own | {"tenure": 3}} if source == "old" else {},
        "programs": {
            "letter": {"kind": "retention", "first": period, "every": 30, "acceptance": 0.0}
            | letter
        },
    }
    compiled = compile_scenario(Scenario.model_validate(tables))
    worlds = worlds_of(compiled, count=1, threads=2)
    moves = np.diff(np.exp(-compiled.moving.falls[0]), axis=1, prepend=0.0)
    shares = np.eye(5)[1] @ np.linalg.matrix_power(moves, period + 3 * (source == "old"))
    if source == "old":
        # Those there on entering the horizon.
        shares /= 1.0 - (np.eye(5)[1] @ np.linalg.matrix_power(moves, 3))[4]
    contacts = worlds.program_flows[0, 0, p.CONTACTS]
    assert contacts.sum() == contacts[period]
    return int(contacts[period]), int(worlds.flows[0, p.ACTIVE, period]), shares


@pytest.mark.parametrize("source", ["new", "old"])
@pytest.mark.parametrize("states", [["weak"], ["best", "asleep"]], ids=str)
def test_all_in_a_state_are_contacted(states, source):
    contacts, _, shares = contacts_of({"states": states}, 4, source)
    share = float(sum(shares[CHAIN["states"].index(one)] for one in states))
    assert_proportion(contacts, 30_000, share, fault=1.2 * share)


@pytest.mark.parametrize("source", ["new", "old"])
@pytest.mark.parametrize("target", ["value", "risk", "lift"])
def test_the_share_that_a_treatment_reaches(target, source):
    contacts, active, _ = contacts_of({"target": target, "share": 0.2}, 5, source)
    assert_proportion(contacts, active, 0.2, fault=0.2 * 1.14)


@pytest.mark.parametrize("target", ["value", "risk"])
def test_the_share_is_that_of_those_in_the_states(target):
    letter = {"target": target, "share": 0.3, "states": ["weak", "asleep"]}
    contacts, _, shares = contacts_of(letter, 4, "new")
    share = 0.3 * float(shares[2] + shares[3])
    assert_proportion(contacts, 30_000, share, fault=1.2 * share)


def test_the_riskiest_state_is_reached_first():
    contacts, active, shares = contacts_of({"target": "risk", "share": 0.15}, 5, "new")
    everybody, *_ = contacts_of({"states": ["asleep"]}, 5, "new")
    assert shares[3] / shares[:4].sum() > 0.2
    both, *_ = contacts_of({"target": "risk", "share": 0.15, "states": ["asleep"]}, 5, "new")
    assert 0 < both < contacts < everybody < active


@pytest.mark.parametrize(
    ("letter", "words"),
    [
        ({"states": ["weak"]}, "'letter' asks for customers in some states, and those of segment"),
        ({"segments": ["s"], "states": ["wake"]}, "the state 'wake', which no segment has"),
        ({"segments": ["s"], "recency": {"at_most": 3}}, "asks for what customers have bought"),
    ],
)
def test_states_and_purchases_must_be_there_to_be_asked_for(letter, words):
    with pytest.raises(ClvsimError, match=words):
        compile_scenario(scenario_of(programs={"letter": {"kind": "retention"} | letter}))


def test_states_where_nobody_has_any():
    letter = {"kind": "retention", "states": ["weak"]}
    tables = {
        "time": {"periods": 9},
        "segments": {"all": {"churn": 0.1, "spend": 3.0}},
        "cohorts": {"a": {"segment": "all", "customers": 3}},
        "programs": {"letter": letter},
    }
    with pytest.raises(ClvsimError, match="those of segment 'all' do not move"):
        compile_scenario(Scenario.model_validate(tables))
