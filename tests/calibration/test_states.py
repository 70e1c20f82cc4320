"""Panels of states: transitions by hand, recovery, gaps, conflicts."""

import numpy as np
import pytest

from clvsim.api import Effort, run
from clvsim.calibration.block import state_block
from clvsim.calibration.drops import RecordsError
from clvsim.calibration.panel import StateColumns
from clvsim.calibration.records import open_records
from clvsim.calibration.states import fit_states
from clvsim.scenario.chains import chain_of
from clvsim.scenario.load import load
from clvsim.scenario.model import StatesSegment
from clvsim.scenario.worlds import in_world
from tests.calibration.losses import accepting
from tests.statistics import assert_mean, assert_proportion

NAMED = StateColumns("id", "month", "state", "paid")


@pytest.fixture
def panel(tmp_path):
    def write(*rows, head="id,month,state,paid"):
        path = tmp_path / "panel.csv"
        path.write_text("\n".join((head, *rows)) + "\n")
        return open_records(path)

    return write


ROWS = [
    "a,2025-12,new,10", "a,2026-01,active,12", "a,2026-02,active,8",
    "b,2026-02,lapsed,0", "b,2026-01,new,6",
]  # fmt: skip


def test_transitions_by_hand(panel):
    found = fit_states(panel(*ROWS), NAMED, "month")
    assert found.states == ("active", "lapsed", "new")
    assert found.counts.tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 0]]
    assert found.probabilities[2].tolist() == [0.5, 0.5, 0.0]
    assert found.errors[2, 0] == pytest.approx(np.sqrt(0.25 / 2))
    assert found.values.tolist() == [10.0, 0.0, 8.0]
    # One customer was active: how far others would be from it nobody can say.
    assert np.isnan(found.value_errors[0])
    assert found.log_likelihood == pytest.approx(2 * np.log(0.5))
    assert found.customers == 2
    assert "nobody was seen after being in 'lapsed'" in found.notes[0]
    block = found.block_values()
    assert block["states"] == ["active", "new", "lapsed"]
    assert block["transitions"] == [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]
    assert block["state_values"] == [10.0, 8.0, 0.0]
    assert block["start_state"] == "new"
    assert np.sum(block["transitions"], axis=1).tolist() == [1.0, 1.0, 1.0]


def test_states_that_are_numbers_stand_in_their_order(panel):
    rows = [f"a,{month},{state},1" for month, state in enumerate((10, 9, 2, 10))]
    assert fit_states(panel(*rows), NAMED, "month").states == ("2", "9", "10")


def test_gaps_are_not_bridged_and_told(panel):
    found = fit_states(panel(*ROWS, "a,2026-05,new,3"), NAMED, "month")
    assert found.counts.sum() == 3
    assert "pairs of rows of a customer with a period missing between, not used: 1" in found.notes


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",2026-03,new,1", "left out: no customer (--customer)"),
        ("a,2026-03,,1", "left out: no name of a state (--state)"),
        (
            "a,March,new,1",
            "left out: periods that cannot be read by this --step (--period)",
        ),
        ("a,2026-02,active,8", "left out: equal to an earlier row of the same customer"),
        ("a,2026-02,new,8", "left out: another state than an earlier row"),
        ("a,2026-02,new", "left out: lines with more or fewer fields"),
    ],
)
def test_a_bad_row_is_left_out_and_told(panel, row, words):
    found = fit_states(accepting(panel(*ROWS, row)), NAMED, "month")
    assert found.counts.sum() == 3
    (line,) = found.drops.told()
    assert words in line
    assert "; line 7" in line


def test_a_value_that_is_none_leaves_the_transition(panel):
    found = fit_states(accepting(panel(*ROWS, "b,2026-03,lapsed,much")), NAMED, "month")
    assert found.counts.sum() == 4
    assert "rows noted and kept: values that are no number" in found.drops.told()[0]


def test_what_is_no_panel(panel):
    with pytest.raises(RecordsError, match="no customer has two periods that follow one another"):
        fit_states(panel("a,1,new,1", "b,2,old,1"), NAMED, "month")
    rows = [f"a,{month},s{month},1" for month in range(201)]
    with pytest.raises(RecordsError, match="201 different states"):
        fit_states(panel(*rows), NAMED, "month")
    with pytest.raises(RecordsError, match="--period"):
        fit_states(panel("a,Jan,new,1", "b,Feb,new,1"), NAMED, "month")


def test_probabilities_are_recovered(panel):
    rng = np.random.default_rng(9)
    true = np.array([[0.7, 0.3], [0.2, 0.8]])
    rows = []
    for who in range(300):
        state = 0
        for month in range(10):
            rows.append(f"{who},{month},s{state},1")
            state = rng.choice(2, p=true[state])
    found = fit_states(panel(*rows), NAMED, "month")
    for row in range(2):
        leaving = int(found.counts[row].sum())
        assert_proportion(int(found.counts[row, 0]), leaving, true[row, 0])


@pytest.mark.parametrize("value", ["paid", ""])
def test_the_block_loads_unchanged(panel, tmp_path, value):
    fitted = fit_states(panel(*ROWS), StateColumns("id", "month", "state", value), "month")
    scenario = tmp_path / "scenario.toml"
    rest = "[time]\nperiods = 6\n[cohorts.all]\nsegment = 'panel'\ncustomers = 100\n"
    scenario.write_text(state_block(fitted) + rest, "utf-8")
    segment = load(scenario).baseline.segments["panel"]
    assert isinstance(segment, StatesSegment)
    chain = chain_of(segment)
    assert segment.states[chain.begin] == "new"
    # Of those who are gone nothing is expected; without values nobody knows who is best.
    assert segment.states[chain.lost] == "lapsed" if value else "no --value" in fitted.notes[-1]


def test_the_covariance_is_multinomial_row_by_row(panel):
    rows = [f"a,{month},{state},1" for month, state in enumerate("xxyxzxyyyx")]
    found = fit_states(panel(*rows), StateColumns("id", "month", "state"), "month")
    paths, covariance = found.sampling()
    block = found.block_values()
    at = {state: place for place, state in enumerate(found.states)}
    cells = [tuple(map(int, path.split(".")[1:])) for path in paths]
    names = [(block["states"][i], block["states"][j]) for i, j in cells]
    # From z there was one way only.
    assert {one for one, _ in names} == {"x", "y"}
    for (one, to), variance in zip(names, np.diag(covariance), strict=True):
        n, k = found.counts[at[one]].sum(), found.counts[at[one], at[to]]
        assert variance == pytest.approx(1 / k - 1 / n)
    for a, b in np.ndindex(covariance.shape):
        if a != b:
            same = names[a][0] == names[b][0]
            expected = -1 / found.counts[at[names[a][0]]].sum() if same else 0.0
            assert covariance[a, b] == pytest.approx(expected)


def test_every_world_draws_its_own_transitions_with_the_errors_of_the_counts(panel, tmp_path):
    rng = np.random.default_rng(3)
    rows = [
        f"{who},{month},s{rng.choice(3, p=[0.6, 0.3, 0.1])},1"
        for who in range(100)
        for month in range(4)
    ]
    fitted = fit_states(panel(*rows), NAMED, "month")
    scenario = tmp_path / "scenario.toml"
    rest = "[time]\nperiods = 6\n[cohorts.all]\nsegment = 'panel'\ncustomers = 100\n"
    scenario.write_text(state_block(fitted) + rest, "utf-8")
    plan = load(scenario).baseline
    worlds = 600
    drawn = np.array(
        [in_world(plan, 1, world).segments["panel"].transitions for world in range(worlds)]
    )
    assert drawn.sum(axis=2) == pytest.approx(np.ones((worlds, 3)), abs=1e-12)
    order = [fitted.states.index(name) for name in plan.segments["panel"].states]
    counts = fitted.counts[np.ix_(order, order)]
    odds = np.log(drawn[:, 0, 0] / drawn[:, 0, 1])
    variance = 1 / counts[0, 0] + 1 / counts[0, 1]
    assert_mean(odds, None, np.log(counts[0, 0] / counts[0, 1]))
    assert_mean((odds - odds.mean()) ** 2, None, variance, fault=0.4 * variance)
    result = run(plan, effort=Effort(worlds=2))
    assert np.isfinite(result["npv"].values).all()


def test_the_error_of_a_state_s_value_is_that_between_customers(panel):
    # Each customer is worth the same in all its periods: they are no new evidence.
    worth = np.random.default_rng(8).normal(50.0, 9.0, 40)
    rows = [
        f"{who},{month},{'xy'[(who + month) % 2]},{worth[who] if (who + month) % 2 else 7.0}"
        for who in range(40)
        for month in range(6)
    ]
    found = fit_states(panel(*rows), NAMED, "month")
    assert found.value_errors[1] == pytest.approx(worth.std(ddof=1) / np.sqrt(40))
    assert found.value_errors[0] == 0.0


def test_every_world_draws_its_own_values_of_states(panel, tmp_path):
    rng = np.random.default_rng(6)
    rows = [
        f"{who},{month},{'abz'[rng.integers(2) if month < 3 else 2]},"
        f"{rng.normal(2.0, 8.0) if month < 3 else 0.0}"
        for who in range(100)
        for month in range(5)
    ]
    fitted = fit_states(panel(*rows), NAMED, "month")
    paths, covariance = fitted.sampling()
    # Nothing is drawn of the value of those who are gone: it is 0 and stays so.
    assert paths[-2:] == ["state_values.0", "state_values.1"]
    scenario = tmp_path / "scenario.toml"
    rest = "[time]\nperiods = 6\n[cohorts.all]\nsegment = 'panel'\ncustomers = 100\n"
    scenario.write_text(state_block(fitted) + rest, "utf-8")
    plan = load(scenario).baseline
    drawn = np.array(
        [in_world(plan, 1, world).segments["panel"].state_values for world in range(600)]
    )
    for at in range(2):
        variance = covariance[at - 2, at - 2]
        assert_mean(drawn[:, at], None, plan.segments["panel"].state_values[at])
        assert_mean((drawn[:, at] - drawn[:, at].mean()) ** 2, None, variance, fault=0.4 * variance)
    # A mean near 0 has either sign.
    assert (drawn[:, :2].min(axis=0) < 0.0).any() or fitted.values.min() > 2.0
    assert not drawn[:, 2].any()


def test_a_covariance_too_large_is_left_out_and_told(panel):
    rng = np.random.default_rng(4)
    rows = [f"a,{month},s{rng.integers(20):02},1" for month in range(3_000)]
    found = fit_states(panel(*rows), NAMED, "month")
    assert found.sampling()[0] == []
    assert "the block holds no covariance of more than 150" in found.notes[-1]


def test_customers_who_disappear_are_told_of_and_may_have_left(panel):
    """Six customers, active for two periods each of three; half of them have no third row."""
    rows = [f"{name},{when},on,5" for name in "abcdef" for when in (1, 2)]
    rows += [f"{name},3,{state},5" for name, state in zip("abc", ("on", "on", "off"), strict=True)]
    found = fit_states(panel(*rows), NAMED, "month")
    assert any("3 of 6 customers have no row" in note for note in found.notes)
    assert found.counts.tolist() == [[0.0, 0.0], [1.0, 8.0]]
    found = fit_states(panel(*rows), NAMED, "month", gone="lost")
    assert found.states == ("lost", "off", "on")
    assert found.counts[2].tolist() == [3.0, 1.0, 8.0]
    assert not any("have no row" in note for note in found.notes)
    values = found.block_values()
    assert values["states"][-1] == "lost"
    assert values["state_values"][-1] == 0.0
    # Where all customers have a row in the last period there is nobody to tell of.
    whole = [row for row in rows if row[0] in "abc"]
    assert not any("have no row" in n for n in fit_states(panel(*whole), NAMED, "month").notes)


def test_one_state_is_no_panel(panel):
    rows = ["a,1,on,1", "a,2,on,1", "b,1,on,1"]
    with pytest.raises(RecordsError, match="the only state is 'on'"):
        fit_states(panel(*rows), NAMED, "month")
    assert fit_states(panel(*rows), NAMED, "month", gone="left").states == ("left", "on")
