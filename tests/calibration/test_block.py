"""Blocks: read back by the scenario's own reader with the same numbers; whole or not at all."""

import math
import tomllib
from dataclasses import replace

import numpy as np
import pytest

import clvsim
from clvsim.calibration.block import block, state_block, toml
from clvsim.calibration.drops import Drops
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.outcome import Link, Outcome, SegmentFit, keys_of
from clvsim.calibration.panel import StateColumns
from clvsim.calibration.records import open_records
from clvsim.calibration.retention import RetentionColumns, fit_retention_table
from clvsim.calibration.sampling import covariance_of, sampling
from clvsim.calibration.spend import Correlation
from clvsim.calibration.states import fit_states
from clvsim.calibration.tenure import fit_tenure
from clvsim.calibration.tenure_file import TenureColumns
from clvsim.errors import ClvsimError
from clvsim.scenario.worlds import in_world
from tests.calibration.test_tenure import TELCO, company
from tests.statistics import assert_mean

SCENARIO = """
[time]
step = "{step}"
periods = 12
[cohorts.new]
segment = "{segment}"
customers = 10

{block}
"""


@pytest.fixture(scope="module")
def telco():
    columns = TenureColumns("tenure", "Churn", "Contract", "MonthlyCharges")
    return fit_tenure(open_records(TELCO), columns, "month", "sbg")


def loaded(tmp_path, text, segment, step="month"):
    path = tmp_path / "plan.toml"
    text = SCENARIO.format(segment=segment, block=text, step=step)
    path.write_text(text, encoding="utf-8")
    return clvsim.load(path).baseline.segments


def test_a_block_reads_back_with_the_same_numbers(telco, tmp_path):
    segments = loaded(tmp_path, block(telco), "month_to_month")
    assert list(segments) == ["month_to_month", "one_year", "two_year"]
    for fitted in telco.segments:
        found, values = segments[fitted.key], fitted.values
        spend = {"distribution": found.spend.distribution, **found.spend.parameters}
        assert spend == values["spend"]
        if fitted.chosen.model == "sbg":
            assert found.churn.parameters == {"a": values["churn"]["a"], "b": values["churn"]["b"]}
            assert found.correlations[0].value == values["correlations"][0]["value"]
        else:
            assert found.churn == values["churn"]
        fit = found.fit
        parameters, covariance = sampling(fitted)
        assert (fit.model, fit.data) == (fitted.chosen.model, TELCO.name)
        assert fit.customers == fitted.customers
        assert fit.log_likelihood == fitted.chosen.log_likelihood
        assert fit.aic == fitted.chosen.aic
        assert list(fit.parameters) == parameters
        assert np.array_equal(np.array(fit.covariance), covariance)
        assert set(fitted.notes) <= set(fit.notes)
        assert any(note.startswith("goodness of fit") for note in fit.notes)


def test_a_block_holds_the_error_of_the_correlation(telco):
    monthly, one_year, _ = telco.segments
    found = monthly.correlation
    paths, covariance = sampling(monthly)
    assert paths == ["churn.a", "churn.b", "spend.a", "spend.scale", "correlations.0.value"]
    # Of atanh, whose slope is 1/(1 - rho^2); spend enters by its rank.
    assert covariance[-1, -1] == pytest.approx((found.error / (1.0 - found.rho**2)) ** 2)
    assert covariance[-1].tolist() == [*found.with_churn.tolist(), 0.0, 0.0, found.variance]
    assert covariance[:, -1].tolist() == covariance[-1].tolist()
    assert sampling(one_year)[0] == covariance_of(one_year.links)[0]


def test_a_correlation_goes_with_powers_of_its_churn_alone():
    churn = Fitted("sbg", {"alpha": 1.0, "beta": 2.0}, np.eye(2), -1.0, 3.0)
    other = Fitted("sbg", {"alpha": 1.0, "beta": 2.0}, np.eye(2), -1.0, 3.0)
    links = {
        "ratio": Link(churn, {"alpha": 1.0, "beta": -2.0}),
        "other": Link(other, {"alpha": 1.0}),
    }
    found = Correlation(0.5, churn, 4.0, np.array([0.3, 0.1]))
    _, covariance = sampling(replace(segment_of(links), correlation=found))
    assert covariance[-1].tolist() == pytest.approx([0.3 - 2.0 * 0.1, 0.0, 4.0])


def test_churn_and_its_correlation_are_drawn_together(tmp_path):
    tenure, left, spend = company(np.random.default_rng(8), 3000, 0.6, 2.0, 20.0)
    rows = [f"{t},{gone},{paid}" for t, gone, paid in zip(tenure, left, spend, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["tenure,left,paid", *rows]) + "\n")
    columns = TenureColumns("tenure", "left", "", "paid")
    outcome = fit_tenure(open_records(tmp_path / "t.csv"), columns, "month", "sbg")
    path = tmp_path / "plan.toml"
    path.write_text(SCENARIO.format(segment="customers", block=block(outcome), step="month"))
    plan, found = clvsim.load(path).baseline, outcome.segments[0].correlation
    worlds = [in_world(plan, 5, world).segments["customers"] for world in range(1_000)]
    z = np.arctanh([one.correlations[0].value for one in worlds])
    z -= np.arctanh(plan.segments["customers"].correlations[0].value)
    assert_mean(z**2, None, found.variance)
    for key, name, expected in zip("ab", found.churn.parameters, found.with_churn, strict=True):
        logs = np.log([one.churn.parameters[key] / found.churn.parameters[name] for one in worlds])
        assert_mean(z * logs, None, expected, fault=0.0)


def test_a_fit_changes_no_result(telco, tmp_path):
    """The simulation does not read where the numbers come from."""
    with_fit = loaded(tmp_path, block(telco), "one_year")["one_year"]
    lines = block(telco).split("[segments.one_year.fit]")[0].split("[segments.one_year]")[1]
    without = loaded(tmp_path, f"[segments.one_year]{lines}", "one_year")["one_year"]
    assert with_fit.model_copy(update={"fit": None}) == without


@pytest.mark.parametrize("model", ["sbg", "geometric", "bdw"])
def test_a_retention_table_gives_a_segment_too(tmp_path, model):
    path = tmp_path / "r.csv"
    counts = (1000, 869, 743, 653, 593, 551, 517, 491)
    rows = "\n".join(f"{period},{count}" for period, count in enumerate(counts))
    path.write_text(f"period,survivors\n{rows}\n")
    records = open_records(path)
    outcome = fit_retention_table(records, RetentionColumns(), "year", model, 2)
    found = loaded(tmp_path, block(outcome), "customers", "year")["customers"]
    assert found.spend == 1.0
    assert found.fit.model == model
    if model == "bdw":
        assert list(found.hazard_by_tenure) == outcome.segments[0].values["hazard_by_tenure"]
    assert any("holdout error" in note for note in found.fit.notes)


def test_states_are_toml(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text('id,t,s\na,1,"a""b\\"\na,2,lost\na,3,lost\n')
    fitted = fit_states(open_records(path), StateColumns("id", "t", "s"), "week")
    found = tomllib.loads(state_block(fitted))["segments"]["p"]
    assert found["states"] == ['a"b\\', "lost"]
    assert found["transitions"] == [[0.0, 1.0], [0.0, 1.0]]


def segment_of(links, key="a"):
    fitted = Fitted("sbg", {"alpha": 1.0, "beta": 2.0}, np.eye(2), -1.0, 3.0)
    return SegmentFit(key, key, 3.0, (), fitted, {"churn": 0.1}, links)


def test_covariance_of_products_of_powers():
    fitted = Fitted("x", {"p": 2.0, "g": 3.0}, np.array([[0.04, 0.01], [0.01, 0.09]]), 0.0, 1.0)
    other = Fitted("y", {"r": 1.0}, np.array([[math.nan]]), 0.0, 1.0)
    links = {
        "scale": Link(fitted, {"p": 1.0, "g": 1.0}),
        "rate": Link(fitted, {"g": -1.0}),
        "unknown": Link(other, {"r": 1.0}),
    }
    paths, table = covariance_of(links)
    assert paths == ["scale", "rate"]
    assert table == pytest.approx(np.array([[0.15, -0.10], [-0.10, 0.09]]))


def test_keys_are_words_and_each_one_once():
    labels = ["Month-to-month", " month to month ", "§", "Größe 1", "a.b"]
    assert keys_of(labels) == ["month_to_month", "month_to_month_2", "segment", "größe_1", "a_b"]


@pytest.mark.parametrize(
    "value",
    [
        True, 3, 0.1, 1e-300, -2.5, "plain", 'quo"te\\ back', "line\nend\ttab\x7f", "größe",
        [1.0, 2.0], [[0.1, 0.2], [0.3, 0.4]], list(np.linspace(0, 1, 120).tolist()), ["a" * 90] * 3,
        {"distribution": "beta", "a": 0.5}, [{"between": ["churn", "spend"], "value": -0.1}], [],
    ],
)  # fmt: skip
def test_toml_reads_back(value):
    assert tomllib.loads(f"x = {toml(value)}") == {"x": value}


def test_nothing_infinite_is_written():
    with pytest.raises(ClvsimError, match="cannot hold nan"):
        toml(math.nan)


def test_names_that_need_quotes():
    outcome = Outcome("tenure", "a\nb.csv", "month", (segment_of({}, "größe"),), Drops("x"))
    found = tomllib.loads(block(outcome))
    assert found["segments"]["größe"]["fit"]["covariance"] == []


def test_the_block_of_a_bdw_holds_its_shape_and_what_is_known_given_it(tmp_path):
    path = tmp_path / "r.csv"
    counts = (1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394)
    rows = "\n".join(f"{period},{count}" for period, count in enumerate(counts))
    path.write_text(f"period,survivors\n{rows}\n")
    (one,) = fit_retention_table(open_records(path), RetentionColumns(), "year", "bdw", 0).segments
    _, given = covariance_of(one.links)
    # The curvature of the likelihood in the two that are left is the inverse of what is known.
    information = np.linalg.inv(np.array(one.chosen.covariance))
    assert given == pytest.approx(np.linalg.inv(information[:2, :2]), rel=1e-6)
    assert given[0, 0] < 0.2 * one.chosen.covariance[0, 0]
