"""Uncertain numbers: read with all faults, drawn anew in every world, the same in all variants."""

import numpy as np
import pytest
from scipy import stats

from clvsim.errors import ScenarioError
from clvsim.scenario.load import load
from clvsim.scenario.uncertain import TAIL, in_world, is_uncertain, uniform
from tests.statistics import FALSE_ALARM_RATE, z_limit

PLAIN = """
[time]
periods = 6
[segments.a]
churn = 0.2
spend = 10.0
{segment}
[cohorts.c]
segment = "a"
customers = 10
{cohort}
[variants.dear]
cohorts.c.cost_per_customer = 7.0
"""


def _load(tmp_path, segment="", cohort=""):
    file = tmp_path / "plan.toml"
    file.write_text(PLAIN.format(segment=segment, cohort=cohort))
    return load(file)


def test_the_scenario_itself_holds_the_mean(tmp_path):
    plan = _load(tmp_path, 'cost_to_serve = { uncertain = "gamma", a = 4, scale = 0.5 }')
    assert plan.baseline.segments["a"].cost_to_serve == pytest.approx(2.0)
    assert is_uncertain(plan.baseline)
    assert plan.baseline.uncertain[0].path == ("segments", "a", "cost_to_serve")


def test_nothing_uncertain_is_the_same_scenario(tmp_path):
    plan = _load(tmp_path)
    assert not is_uncertain(plan.baseline)
    assert in_world(plan.baseline, 1, 5) is plan.baseline


def test_variants_share_a_world_s_draw(tmp_path):
    plan = _load(tmp_path, 'cost_to_serve = { uncertain = "gamma", a = 4, scale = 0.5 }')
    drawn = {name: in_world(one, 3, 8) for name, one in plan.scenarios.items()}
    costs = {name: one.segments["a"].cost_to_serve for name, one in drawn.items()}
    assert costs["dear"] == costs["baseline"] != 2.0
    assert drawn["dear"].cohorts["c"].cost_per_customer == 7.0


def test_a_variant_may_make_an_uncertain_number_certain(tmp_path):
    cost = 'cost_per_customer = { uncertain = "uniform", loc = 1, scale = 2 }'
    plan = _load(tmp_path, cohort=cost)
    assert is_uncertain(plan.baseline)
    assert not is_uncertain(plan.scenarios["dear"])


def test_draws_follow_the_distribution(tmp_path):
    segment = 'hazard_by_tenure = [1.0, { uncertain = "lognorm", s = 0.5 }]'
    scenario = _load(tmp_path, segment).baseline
    worlds = 2_000
    drawn = [
        in_world(scenario, 11, world).segments["a"].hazard_by_tenure for world in range(worlds)
    ]
    assert {one[0] for one in drawn} == {1.0}
    u = stats.lognorm(0.5).cdf([one[1] for one in drawn])
    # Kolmogorov's bound (Massart 1990): exceeded with probability 2 exp(-2 n d^2).
    bound = np.sqrt(-np.log(FALSE_ALARM_RATE / 2.0) / (2.0 * worlds))
    assert stats.kstest(u, "uniform").statistic < bound


def test_the_address_is_the_place_the_world_and_the_seed():
    here = uniform(1, 2, "segments.a.churn")
    assert here == uniform(1, 2, "segments.a.churn")
    others = {
        uniform(2, 2, "segments.a.churn"),
        uniform(1, 3, "segments.a.churn"),
        uniform(1, 2, "b"),
    }
    assert len(others | {here}) == 4
    assert uniform(2**64 - 1, 2**63, "x") > 0.0


FIT = """
churn = {{ distribution = "beta", a = 0.7, b = 1.2 }}
spend = 10.0
[segments.b.fit]
model = "sbg"
parameters = ["churn.a", "churn.b"]
covariance = [[0.04, 0.03], [0.03, 0.09]]
"""


def test_fitted_numbers_are_drawn_together(tmp_path):
    file = tmp_path / "plan.toml"
    text = "[segments.b]" + FIT.format() + '[cohorts.c]\nsegment = "b"\ncustomers = 10\n'
    file.write_text("[time]\nperiods = 6\n" + text)
    scenario = load(file).baseline
    worlds = 4_000
    drawn = [in_world(scenario, 5, world).segments["b"].churn.parameters for world in range(worlds)]
    logs = np.log([[one["a"] / 0.7, one["b"] / 1.2] for one in drawn])
    covariance = np.array([[0.04, 0.03], [0.03, 0.09]])
    error = np.sqrt(np.diag(covariance) / worlds)
    assert np.abs(logs.mean(axis=0) / error).max() < z_limit()
    found = np.cov(logs.T)
    spread = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / worlds)
    assert np.abs((found - covariance) / spread).max() < z_limit()


@pytest.mark.parametrize("path", ["churn.c", "churn", "spend.a", "transitions.0.1", "churn.a.b"])
def test_a_fit_of_what_is_no_number_is_refused(tmp_path, path):
    file = tmp_path / "plan.toml"
    text = "[segments.b]" + FIT.format().replace('"churn.a"', f'"{path}"')
    file.write_text("[time]\nperiods = 6\n" + text + '[cohorts.c]\nsegment = "b"\ncustomers = 1\n')
    with pytest.raises(ScenarioError) as error:
        load(file)
    assert f"names '{path}', which is no number of the segment" in str(error.value)


FAULTS = [
    ('cost_to_serve = { uncertain = "gama", a = 4 }', "did you mean 'gamma'"),
    ('cost_to_serve = { uncertain = "gamma" }', "needs its parameter 'a'"),
    ('cost_to_serve = { uncertain = "gamma", a = "x" }', "is not a number"),
    ('cost_to_serve = { uncertain = "norm", loc = 1, scale = 1 }', "one world in a million"),
    ('call_share = { uncertain = "norm", loc = 1, scale = 1 }', "one world in a million"),
]


@pytest.mark.parametrize(("segment", "says"), FAULTS)
def test_what_is_wrong_is_said_where_it_stands(tmp_path, segment, says):
    with pytest.raises(ScenarioError) as error:
        _load(tmp_path, segment)
    assert says in str(error.value)
    assert "plan.toml:7: segments.a." in str(error.value)


def test_all_faults_come_at_once(tmp_path):
    with pytest.raises(ScenarioError) as error:
        _load(
            tmp_path,
            'cost_to_serve = { uncertain = "gama", a = 4 }',
            'cost_per_customer = { uncertain = "norm", loc = -9.0 }\nsegmen = 3',
        )
    assert len(error.value.faults) >= 3


def test_what_all_worlds_share_cannot_be_uncertain(tmp_path):
    file = tmp_path / "plan.toml"
    rate = '[money]\ndiscount_rate = { uncertain = "uniform" }\n'
    file.write_text(rate + PLAIN.format(segment="", cohort=""))
    with pytest.raises(ScenarioError, match="cannot be uncertain: amounts of all worlds"):
        load(file)


def test_the_list_itself_is_not_a_table_of_the_file(tmp_path):
    with pytest.raises(ScenarioError, match="not a table of the scenario"):
        _load(tmp_path, cohort="[uncertain]\nx = 1")


def test_tails_beyond_what_was_checked_are_not_drawn(tmp_path):
    plan = _load(tmp_path, 'cost_to_serve = { uncertain = "gamma", a = 4 }')
    low, high = stats.gamma(4).ppf([TAIL, 1.0 - TAIL])
    drawn = [in_world(plan.baseline, 1, world).segments["a"].cost_to_serve for world in range(300)]
    assert low <= min(drawn) < max(drawn) <= high


def test_a_fit_that_reaches_beyond_a_probability_is_cut_off_at_1(tmp_path):
    """Log-normal draws around 0.9 with a spread of 0.3: every third lies above 1."""
    fit = (
        '[segments.a.fit]\nmodel = "geometric"\ncustomers = 10\nlog_likelihood = -6.0\naic = 14.0\n'
        'parameters = ["churn"]\ncovariance = [[0.09]]\n'
    )
    plan = tmp_path / "plan.toml"
    text = PLAIN.format(segment=fit, cohort="").replace("churn = 0.2", "churn = 0.9")
    plan.write_text(text)
    baseline = load(plan).baseline
    drawn = [in_world(baseline, 1, world).segments["a"].churn for world in range(400)]
    assert all(0.0 < churn <= 1.0 for churn in map(float, map(_constant, drawn)))
    assert len(set(map(_constant, drawn))) == 400


def _constant(churn):
    return churn if isinstance(churn, float) else churn.constant
