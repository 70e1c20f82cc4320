"""Models of churn: published figures, recovery of known parameters, flat likelihoods."""

import math

import numpy as np
import pytest
import scipy.special

from clvsim.calibration import churn as models
from clvsim.calibration.churn import (
    LifeTable,
    chi_squared,
    fit_bdw,
    fit_geometric,
    fit_sbg,
    observed_survival,
    retention_rates,
    survival,
)
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.outcome import _hazards
from tests.statistics import assert_proportion

REGULAR = np.array([1000.0, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173])
HIGH_END = np.array([1000.0, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394])
#: Fits of which the intervals are counted: so many find a coverage of 0.75 in place of 0.95.
FITS = 160


def life_of(survivors):
    return LifeTable(survivors[:-1] - survivors[1:], survivors[1:])


def sbg_lives(rng, alpha, beta, customers, periods, c=1.0):
    """A life table drawn customer by customer: survival of θ to t is (1-θ)^(t^c)."""
    theta = rng.beta(alpha, beta, customers)
    last = (np.log(rng.random(customers)) / np.log1p(-theta)) ** (1.0 / c)
    left_in = np.floor(last).astype(int) + 1
    counts = np.array([(left_in > t).sum() for t in range(periods + 1)], dtype=float)
    return life_of(counts)


@pytest.mark.parametrize(
    ("table", "alpha", "beta", "log_likelihood", "projected"),
    [
        (REGULAR, 0.704077, 1.182043, -1680.265188, [0.220085, 0.204411, 0.191190, 0.179865,
                                                     0.170037]),
        (HIGH_END, 0.668088, 3.806095, -1611.158147, [0.460440, 0.435780, 0.414172, 0.395055,
                                                      0.377999]),
    ],
    ids=["regular", "high end"],
)  # fmt: skip
def test_fader_and_hardie_2007(table, alpha, beta, log_likelihood, projected):
    fitted = fit_sbg(life_of(table[:8]))
    assert fitted.model == "sbg"
    assert list(fitted.parameters.values()) == pytest.approx([alpha, beta], abs=0.5e-6)
    assert fitted.log_likelihood == pytest.approx(log_likelihood, abs=0.5e-6)
    assert survival(fitted, 12)[8:] == pytest.approx(projected, abs=0.6e-6)


def test_bdw_with_c_1_is_the_sbg():
    sbg = Fitted("sbg", {"alpha": 0.7, "beta": 3.8}, np.eye(2), 0.0, 1.0)
    bdw = Fitted("bdw", {"gamma": 0.7, "delta": 3.8, "c": 1.0}, np.eye(3), 0.0, 1.0)
    assert retention_rates(bdw, 50) == pytest.approx(retention_rates(sbg, 50), rel=1e-13)


def test_bdw_survival_is_the_published_ratio_of_beta_functions():
    bdw = Fitted("bdw", {"gamma": 0.26, "delta": 1.7, "c": 1.58}, np.eye(3), 0.0, 1.0)
    times = np.arange(13.0) ** 1.58
    expected = scipy.special.beta(0.26, 1.7 + times) / scipy.special.beta(0.26, 1.7)
    assert survival(bdw, 12) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("logs", [(-1.0, 0.5, 0.2), (2.0, 5.0, -0.3), (6.0, 8.0, 0.5)])
def test_slope_of_the_bdw_is_its_central_difference(logs):
    life, at = life_of(REGULAR[:8]), np.array(logs)
    _, slope = models._bdw_log_likelihood(life, at)
    for index, step in enumerate(1e-5 * np.eye(3)):
        ahead, behind = (models._bdw_log_likelihood(life, at + side)[0] for side in (step, -step))
        assert slope[index] == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)


def test_rises_keep_their_digits_where_series_take_over():
    start, step = np.array([59.0, 61.0, 400.0]), np.array([1.0, 2.5, 7.0])
    rise = scipy.special.gammaln(start + step) - scipy.special.gammaln(start)
    assert models._gammaln_rise(start, step) == pytest.approx(rise, rel=1e-13)
    slope = scipy.special.digamma(start + step) - scipy.special.digamma(start)
    assert models._digamma_rise(start, step) == pytest.approx(slope, rel=1e-11)
    # Γ(x + 1) = x Γ(x), far beyond where a difference of two logs has digits left.
    far = np.array([1e9])
    assert models._gammaln_rise(far, np.ones(1)) == pytest.approx(np.log(far), rel=1e-15)


def test_the_bdw_describes_high_end_better_and_never_worse():
    for table in (REGULAR, HIGH_END):
        life = life_of(table[:8])
        assert fit_bdw(life).log_likelihood >= fit_sbg(life).log_likelihood
    assert fit_bdw(life).aic < fit_sbg(life).aic - 9.0


def draw_counts(rng, chances, customers):
    """A life table of customers whose chance of leaving in period 1, 2, … is given."""
    left = rng.multinomial(customers, [*chances, 1.0 - sum(chances)])[:-1]
    return life_of(np.concatenate(([customers], customers - np.cumsum(left))).astype(float))


def covering(fits, name, true):
    """How many intervals of 95 % cover the truth."""
    return sum(low <= true <= high for low, high in (one.interval(name) for one in fits))


@pytest.fixture(scope="module")
def sbg_fits():
    """sBGs fitted to draws customer by customer from a known one, and their life tables."""
    rng = np.random.default_rng(20260101)
    lives = [sbg_lives(rng, 0.7, 1.2, 1000, 8) for _ in range(FITS)]
    return [(life, fit_sbg(life)) for life in lives]


@pytest.mark.parametrize(("name", "true"), [("alpha", 0.7), ("beta", 1.2)])
def test_intervals_of_the_sbg_cover(sbg_fits, name, true):
    hits = covering([fitted for _, fitted in sbg_fits], name, true)
    assert_proportion(hits, FITS, 0.95, fault=0.75)


def test_p_values_are_uniform_under_the_model(sbg_fits):
    low = sum(chi_squared(life, fitted)[2] < 0.25 for life, fitted in sbg_fits)
    assert_proportion(low, FITS, 0.25, fault=0.55)


def test_interval_of_the_geometric_covers():
    rng = np.random.default_rng(3)
    chances = 0.1 * 0.9 ** np.arange(6)
    fits = [fit_geometric(draw_counts(rng, chances, 800)) for _ in range(FITS)]
    assert_proportion(covering(fits, "churn", 0.1), FITS, 0.95, fault=0.75)


def test_intervals_of_the_bdw_cover():
    """Fewer fits: what they find is an error too small by half."""
    rng, count = np.random.default_rng(5), 60
    true = {"gamma": 0.5, "delta": 2.0, "c": 1.5}
    fits = [fit_bdw(sbg_lives(rng, 0.5, 2.0, 4000, 8, c=1.5)) for _ in range(count)]
    for name, value in true.items():
        assert_proportion(covering(fits, name, value), count, 0.95, fault=0.6)


def test_one_rate_for_all_is_kept_beside_what_the_table_leaves_open():
    life = life_of(1000.0 * 0.9 ** np.arange(12.0))
    fitted = fit_sbg(life)
    assert fitted.model == "sbg"
    assert survival(fitted, 11) == pytest.approx(0.9 ** np.arange(12.0), rel=1e-4)
    text = " ".join(fitted.notes)
    assert "the likelihood is largest at one constant rate" in text
    assert "one churn of 10 % for all does nearly as well (log-likelihood lower by 0.00)" in text
    # Half of the draws hold more than what one rate would leave of a thousand customers.
    assert np.quantile(survivals(fitted.draws, 36), 0.5) > 1.3 * 0.9**36


def test_churn_that_rises_with_tenure_is_no_sbg():
    life = LifeTable(np.array([10.0, 90, 300]), np.array([990.0, 900, 600]))
    fitted = fit_sbg(life)
    assert fitted.model == "geometric"
    text = " ".join(fitted.notes)
    assert "No sign that customers differ in churn" in text
    assert "churn rises with tenure (z 20.2)" in text


def survivals(draws, periods):
    """Share still there after so many periods, by alpha and beta, shape (draw,)."""
    alpha, beta = draws.T
    betaln = scipy.special.betaln
    return np.exp(betaln(alpha, beta + periods) - betaln(alpha, beta))


def test_nobody_leaves_and_all_leave_at_once():
    nobody = fit_sbg(LifeTable(np.zeros(4), np.full(4, 50.0)))
    assert nobody.parameters["churn"] == 0.0
    assert math.isnan(nobody.standard_errors["churn"])
    # Of 200 customer-periods none is the last one time in twenty: about three in 200.
    assert (1.0 - nobody.at_most) ** 200 == pytest.approx(0.05)
    assert nobody.at_most == pytest.approx(3.0 / 200.0, rel=0.01)
    assert fit_geometric(life_of(np.array([50.0, 49.0]))).at_most is None
    assert "In the block nobody ever leaves" in " ".join(nobody.notes)
    first = fit_sbg(LifeTable(np.array([50.0, 0, 0]), np.array([50.0, 50, 50])))
    assert survival(first, 3) == pytest.approx([1.0, 0.5, 0.5, 0.5], abs=0.005)
    assert "All who leave do so in the first period" in " ".join(first.notes)
    assert fit_bdw(LifeTable(np.zeros(4), np.full(4, 50.0))).log_likelihood == -math.inf


def test_chi_squared_by_hand():
    life = LifeTable(np.array([30.0, 10.0]), np.array([70.0, 60.0]))
    one_rate = Fitted("geometric", {"churn": 0.2}, np.eye(1), 0.0, 100.0)
    expected = (30 - 20) ** 2 / (100 * 0.16) + (10 - 14) ** 2 / (70 * 0.16)
    statistic, freedom, _ = chi_squared(life, one_rate)
    assert (statistic, freedom) == (pytest.approx(expected), 1)


def test_chi_squared_puts_thin_periods_together():
    life = LifeTable(np.array([5.0, 1.0, 4.0, 1.0]), np.array([50.0, 24.0, 20.0, 10.0]))
    one_rate = Fitted("geometric", {"churn": 0.1}, np.eye(1), 0.0, 50.0)
    # Expected 5.5, then 2.5 + 2.4 + 1.1 in one: two cells less one parameter.
    assert chi_squared(life, one_rate)[1] == 1


def test_kaplan_meier_by_hand():
    life = LifeTable(np.array([1.0, 1.0]), np.array([4.0, 2.0]))
    assert observed_survival(life) == pytest.approx([1.0, 4 / 5, 4 / 5 * 2 / 3])


@pytest.mark.parametrize(
    ("gamma", "delta", "c"), [(1.9, 3e13, 6.43), (0.9, 4e6, 3.95), (2.0, 1e60, 30)]
)
def test_hazards_of_a_bdw_are_what_a_scenario_may_say(gamma, delta, c):
    shape, unit = _hazards(c, delta)
    assert shape.max() <= 1e6
    times = np.cumsum(shape)
    betaln = scipy.special.betaln
    found = np.exp(betaln(gamma, delta / unit + times) - betaln(gamma, delta / unit))
    # Γ(δ + x)/Γ(γ + δ + x) is nearly (δ + x)^-γ so far out.
    exact = (1.0 + np.exp(c * np.log(np.arange(1.0, times.size + 1)) - np.log(delta))) ** -gamma
    alive = exact > 1e-3
    assert found[alive] == pytest.approx(exact[alive], rel=2e-3)
    assert (found[~alive] < 2e-3).all()


def test_small_hazards_of_a_bdw_are_differences_of_powers():
    shape, unit = _hazards(1.5, 3e5)
    assert unit == 1.0
    assert np.cumsum(shape) == pytest.approx(np.arange(1.0, shape.size + 1) ** 1.5, rel=1e-12)


def test_delta_of_the_bdw_is_bounded_in_units_of_the_time_watched():
    """It is a time to the power of c: 5e6 of sixty periods and c 4 is hardly half a unit."""
    life = sbg_lives(np.random.default_rng(2), 1.0, 5e6, 20_000, 60, c=4.0)
    found = fit_bdw(life)
    assert not found.notes
    low, high = found.interval("delta")
    assert low < 5e6 < high
    true = np.log([1.0, 5e6, 4.0])
    assert found.log_likelihood > models._bdw_log_likelihood(life, true)[0]
