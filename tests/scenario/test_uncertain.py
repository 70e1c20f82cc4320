"""Uncertain numbers: read with all faults, drawn anew in every world, the same in all variants."""

import numpy as np
import pytest
from scipy import stats

from clvsim.errors import ClvsimError, ScenarioError
from clvsim.scenario.fit import Fit
from clvsim.scenario.load import load
from clvsim.scenario.uncertain import TAIL, is_uncertain, uniform
from clvsim.scenario.worlds import in_world, in_worlds
from tests.statistics import FALSE_ALARM_RATE, assert_mean, z_limit

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


def test_a_fitted_correlation_is_drawn_by_fisher_s_z(tmp_path):
    file = tmp_path / "plan.toml"
    own = 'correlations = [{ between = ["churn", "spend"], value = -0.1 }]\n[segments.b.fit]'
    text = "[segments.b]" + FIT.format().replace("[segments.b.fit]", own)
    text = text.replace('"churn.b"', '"correlations.0.value"')
    file.write_text("[time]\nperiods = 6\n" + text + '[cohorts.c]\nsegment = "b"\ncustomers = 1\n')
    scenario = load(file).baseline
    worlds = [in_world(scenario, 5, world).segments["b"] for world in range(2_000)]
    z = np.arctanh([one.correlations[0].value for one in worlds])
    logs = np.log([one.churn.parameters["a"] / 0.7 for one in worlds])
    assert_mean(z, None, np.arctanh(-0.1))
    assert_mean((z - np.arctanh(-0.1)) ** 2, None, 0.09, fault=0.02)
    assert_mean((z - np.arctanh(-0.1)) * logs, None, 0.03, fault=0.01)
    assert z.max() > 0.0


def test_a_fit_of_what_is_nearly_a_number_says_which(tmp_path):
    file = tmp_path / "plan.toml"
    text = "[segments.b]" + FIT.format().replace('"churn.a"', '"chrn.a"')
    file.write_text("[time]\nperiods = 6\n" + text + '[cohorts.c]\nsegment = "b"\ncustomers = 1\n')
    with pytest.raises(ScenarioError, match=r"did you mean 'churn\.a'"):
        load(file)


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


BASE = """
[time]
periods = 6
[segments.a]
churn = {churn}
spend = {spend}
{more}
[installed_base.old]
segment = "a"
customers = 1000
tenure = 60
"""


def _based(tmp_path, churn="0.05", spend="10.0", more=""):
    file = tmp_path / "base.toml"
    file.write_text(BASE.format(churn=churn, spend=spend, more=more))
    return load(file)


def test_a_tail_that_an_installed_base_cannot_have_survived_is_refused(tmp_path):
    with pytest.raises(ScenarioError) as error:
        _based(tmp_path, churn='{ uncertain = "beta", a = 4, b = 76 }')
    (fault,) = error.value.faults
    assert fault.line == 5
    assert fault.path == "segments.a.churn"
    assert "one world in a million would draw 0.24" in fault.message
    assert "installed_base.old.tenure: with the churn of segment 'a'" in fault.message
    assert "a distribution with shorter tails" in fault.allowed
    assert _based(tmp_path, churn='{ uncertain = "beta", a = 40, b = 760 }')


def test_a_tail_of_spend_without_a_mean_is_refused(tmp_path):
    spend = '{{ distribution = "pareto", b = {{ uncertain = "norm", loc = {}, scale = 0.3 }} }}'
    with pytest.raises(ScenarioError, match=r"base.toml:6: segments.a.spend.b: .*no finite mean"):
        _based(tmp_path, spend=spend.format(2.0))
    assert _based(tmp_path, spend=spend.format(4.0))


WINDOW = """
[time]
periods = 6
[segments.shop]
relationship = "bg/nbd"
purchase_rate = 1.0
churn = 0.1
spend = 10.0
[cohorts.c]
segment = "shop"
customers = 10
[programs.calls]
kind = "retention"
[programs.calls.value]
at_least = {{ uncertain = "uniform", loc = {low}, scale = 8 }}
at_most = {{ uncertain = "uniform", loc = {high}, scale = 8 }}
"""


def _window(tmp_path, low, high):
    file = tmp_path / "window.toml"
    file.write_text(WINDOW.format(low=low, high=high))
    return load(file).baseline


def test_a_tail_of_a_window_that_holds_nothing_is_refused(tmp_path):
    with pytest.raises(ScenarioError) as error:
        _window(tmp_path, 2, 5)
    assert {(one.line, one.path) for one in error.value.faults} == {
        (15, "programs.calls.value.at_least"),
        (16, "programs.calls.value.at_most"),
    }


def test_bounds_that_hold_nothing_together_are_drawn_anew(tmp_path):
    # Each alone is fine at the other's mean: 2 to 10 below 11, 7 to 15 above 6.
    scenario = _window(tmp_path, 2, 7)
    first = [uniform(1, w, "programs.calls.value.at_least") * 8 + 2 for w in range(400)]
    drawn = [in_world(scenario, 1, world).programs["calls"].value for world in range(400)]
    assert all(one.at_least <= one.at_most for one in drawn)
    again = sum(
        one.at_least != pytest.approx(least) for one, least in zip(drawn, first, strict=True)
    )
    # Two uniforms of width 8 whose bounds overlap by 3: 4.5/64 of all pairs.
    error = np.sqrt(400 * 4.5 / 64)
    assert abs(again - 400 * 4.5 / 64) < z_limit() * error


ROUGH = '[segments.a.fit]\nmodel = "x"\nparameters = ["churn"]\ncovariance = [[{}]]\n'


def test_a_fit_is_cut_off_where_nobody_would_be_left(tmp_path):
    """0.06 times a log-normal; above 0.142 fewer than one in ten thousand stays 60 periods."""
    baseline = _based(tmp_path, churn="0.06", more=ROUGH.format(0.36)).baseline
    drawn = [in_world(baseline, 1, world).segments["a"].churn for world in range(300)]
    limit = 1.0 - 1e-4 ** (1.0 / 60.0)
    assert 0.12 < max(drawn) < limit
    assert len(set(drawn)) == 300


def test_variants_stay_together_when_one_of_them_is_drawn_anew(tmp_path):
    file = tmp_path / "two.toml"
    text = BASE.format(churn="0.06", spend="10.0", more=ROUGH.format(0.36))
    file.write_text(text + "[variants.young]\ninstalled_base.old.tenure = 1\n")
    scenarios = load(file).scenarios
    for world in range(60):
        found = in_worlds(scenarios, 1, world)
        assert list(found) == ["baseline", "young"]
        assert len({one.segments["a"].churn for one in found.values()}) == 1
    alone = {in_world(scenarios["young"], 1, world).segments["a"].churn for world in range(60)}
    assert max(alone) > 1.0 - 1e-4 ** (1.0 / 60.0)


def test_a_fit_most_draws_of_which_cannot_be_is_refused(tmp_path):
    # Nearly every second draw of either number is too high, so three of four of both.
    wide = ROUGH.replace('["churn"]', '["churn", "call_share"]').format("9.0, 0.0], [0.0, 9.0")
    more = "call_share = 0.95\n" + wide
    with pytest.raises(ScenarioError, match=r"of the first 20 worlds cannot be") as error:
        _based(tmp_path, churn="0.13", more=more)
    (fault,) = error.value.faults
    assert fault.path in {"installed_base.old.tenure", "segments.a.call_share"}


def test_a_world_that_cannot_be_says_which_and_why(tmp_path):
    baseline = _based(tmp_path).baseline
    fit = Fit(model="x", parameters=("churn",), covariance=((1e-6,),))
    # As no file can say it: a churn that nobody survives, whatever is drawn.
    segment = baseline.segments["a"].model_copy(update={"churn": 0.5, "fit": fit})
    hopeless = baseline.model_copy(update={"segments": {"a": segment}})
    says = r"world 7 of 'scenario' cannot be .* installed_base.old.tenure: with the churn of segm"
    with pytest.raises(ClvsimError, match=says):
        in_world(hopeless, 1, 7)
