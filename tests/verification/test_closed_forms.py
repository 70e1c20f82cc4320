"""Closed forms against the figures printed in the literature, to every digit."""

import itertools
import math

import numpy as np
import pytest

from clvsim import reference
from clvsim.reference import BergerNasr, BlattbergDeighton, Guest, ProactiveCampaign, Subscriber

REGULAR = (0.704, 1.182)
HIGH_END = (0.668, 3.806)

EQUITY = BlattbergDeighton(
    acquisition_ceiling=0.4,
    acquisition_slope=0.1,
    retention_ceiling=0.7,
    retention_slope=0.05,
    margin=100.0,
    discount=0.2,
)


def printed(digits: int) -> float:
    """Half a unit of the last printed digit."""
    return 0.5 * 10.0**-digits


def berger_nasr(renewals: int | None) -> BergerNasr:
    """Case 1 with the published inputs."""
    return BergerNasr(margin=260.0, promotion=50.0, retention=0.75, discount=0.2, renewals=renewals)


def campaign(lift: float) -> ProactiveCampaign:
    """Neslin et al. (2006) with the published inputs."""
    return ProactiveCampaign(
        customers=100_000,
        contacted=0.1,
        base_churn=0.05,
        lift=lift,
        rescued=0.3,
        value=500.0,
        incentive=10.0,
        contact_cost=0.5,
        fixed_cost=10_000.0,
    )


def test_berger_nasr_value_as_printed():
    assert berger_nasr(10).value() == pytest.approx(568.783067, abs=printed(6))
    assert berger_nasr(10).value() == pytest.approx(568.78, abs=printed(2))
    assert berger_nasr(None).value() == pytest.approx(571.617209, abs=printed(6))


def test_berger_nasr_standard_deviation_as_printed():
    deviation = berger_nasr(10).standard_deviation()
    assert deviation == pytest.approx(292.229, abs=printed(3))


@pytest.mark.parametrize("renewals", [0, 1, 10])
def test_berger_nasr_value_is_the_sum_in_the_paper(renewals: int):
    r, v = 0.75, 1 / 1.2
    margins = sum((r * v) ** i for i in range(renewals + 1))
    promotions = sum(r ** (i - 1) * v ** (i - 0.5) for i in range(1, renewals + 1))
    expected = 260.0 * margins - 50.0 * promotions
    assert berger_nasr(renewals).value() == pytest.approx(expected, rel=1e-13)


def test_berger_nasr_long_horizon_approaches_no_horizon():
    long, unlimited = berger_nasr(300), berger_nasr(None)
    assert long.value() == pytest.approx(unlimited.value(), rel=1e-12)
    spread = unlimited.standard_deviation()
    assert long.standard_deviation() == pytest.approx(spread, rel=1e-12)


@pytest.mark.parametrize(
    ("parameters", "survival"),
    [
        (
            (0.704077298, 1.182043026),
            (0.220085, 0.204411, 0.191190, 0.179865, 0.170037),
        ),
        (
            (0.668088351, 3.806094964),
            (0.460440, 0.435780, 0.414172, 0.395055, 0.377999),
        ),
    ],
    ids=["regular", "high end"],
)
def test_sbg_survival_as_printed(parameters: tuple[float, float], survival: tuple[float, ...]):
    projected = reference.sbg_survival(range(8, 13), *parameters)
    np.testing.assert_allclose(projected, survival, rtol=0.0, atol=printed(6))


@pytest.mark.parametrize("parameters", [REGULAR, HIGH_END], ids=["regular", "high end"])
def test_sbg_churn_rates_and_survival_agree(parameters: tuple[float, float]):
    survival = reference.sbg_survival(np.arange(41), *parameters)
    churn = reference.sbg_churn_rate(np.arange(1, 41), *parameters)
    assert survival[0] == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(survival[1:], np.cumprod(1.0 - churn), rtol=1e-12)
    assert np.all(np.diff(churn) < 0.0)


@pytest.mark.parametrize(
    ("parameters", "new", "residual"),
    [
        (REGULAR, 3.695147, (2.964662, 4.103459, 4.870137, 5.442391)),
        (HIGH_END, 5.922596, (5.414856, 5.901753, 6.294261, 6.620280)),
    ],
    ids=["regular", "high end"],
)
def test_sbg_lives_as_printed(
    parameters: tuple[float, float], new: float, residual: tuple[float, ...]
):
    assert reference.sbg_del(*parameters, 0.1) == pytest.approx(new, abs=printed(6))
    for period, expected in enumerate(residual, start=1):
        life = reference.sbg_derl(period, *parameters, 0.1)
        assert life == pytest.approx(expected, abs=printed(6))


def test_sbg_lives_are_the_sums_of_discounted_survival():
    survival = reference.sbg_survival(np.arange(600), *REGULAR)
    discount = 1.1 ** -np.arange(600)
    life = reference.sbg_del(*REGULAR, 0.1)
    assert life == pytest.approx(float(survival @ discount), rel=1e-12)
    rest = float(survival[3:] @ discount[: 600 - 3]) / survival[2]
    assert reference.sbg_derl(3, *REGULAR, 0.1) == pytest.approx(rest, rel=1e-12)


def test_blattberg_deighton_optimum_as_printed():
    best = EQUITY.optimum()
    assert best.acquisition == pytest.approx(17.027823, abs=printed(6))
    # The printed 31.385017 is cut off, not rounded: by bisection of the derivative in 50
    # digits the root is 31.3850175424708...
    assert math.floor(best.retention * 1e6) == 31_385_017
    assert best.retention == pytest.approx(31.3850175424708, abs=printed(12))
    assert best.equity == pytest.approx(27.864163, abs=printed(6))


def test_blattberg_deighton_equity_is_the_published_sum():
    acquired, kept = EQUITY.acquired(20.0), EQUITY.retained(15.0)
    assert acquired == pytest.approx(0.4 * (1.0 - math.exp(-2.0)), rel=1e-14)
    later = kept / 1.2
    value = acquired * 100.0 - 20.0
    value += acquired * (100.0 - 15.0 / kept) * later / (1.0 - later)
    assert EQUITY.equity(20.0, 15.0) == pytest.approx(value, rel=1e-13)


def test_blattberg_deighton_optimum_is_a_maximum():
    best = EQUITY.optimum()
    for step in itertools.product((-0.1, 0.0, 0.1), repeat=2):
        near = EQUITY.equity(best.acquisition + step[0], best.retention + step[1])
        assert near <= best.equity


def test_blattberg_deighton_spends_nothing_where_nothing_pays():
    poor = BlattbergDeighton(0.4, 0.1, 0.7, 0.05, margin=5.0, discount=0.2)
    best = poor.optimum()
    assert (best.acquisition, best.retention, best.equity) == (0.0, 0.0, 0.0)


def test_neslin_profit_and_break_even_lift_as_printed():
    assert campaign(lift=4.0).profit() == pytest.approx(199_000.0, rel=1e-12)
    lift = campaign(lift=4.0).break_even_lift()
    assert lift == pytest.approx(1.464968, abs=printed(6))
    assert campaign(lift=lift).profit() == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(
    ("margin", "retention", "cost", "value", "digits"),
    [
        (264.0, 0.76, 370.0, 540.0, 0),
        (264.0, 0.76, 370.0, 540.345, 3),
        (264.0, 0.76, 120.0, 790.0, 0),
        (264.0, 0.76, 120.0, 790.345, 3),
        (264.0 / 1.21, 0.76, 120.0, 632.351, 3),
        # As printed: the margin was cut to cents first.
        (218.18, 0.76, 120.0, 632.34, 2),
        (264.0, 0.28, 370.0, -27.143, 3),
    ],
)
def test_a_subscriber_is_worth_what_is_printed(margin, retention, cost, value, digits):
    one = Subscriber(margin, retention, 0.05, cost)
    assert one.value() == pytest.approx(value, abs=printed(digits))


def test_a_subscriber_is_worth_its_margins_less_its_cost():
    years = np.arange(1, 400)
    margins = 264.0 * 0.76 ** (years - 1) / 1.05**years
    one = Subscriber(margin=264.0, retention=0.76, interest=0.05, acquisition=370.0)
    assert one.value() == pytest.approx(float(margins.sum()) - 370.0, rel=1e-12)


@pytest.mark.parametrize(
    ("visits", "guests", "branding", "value", "digits"),
    [
        (1.2, 19_169, 0.0, 378.49, 2),
        (1.2, 19_169, 0.0, 378.486, 3),
        (1.3, 24_919, 1e6 / 115_000, 461.09, 2),
        (1.3, 24_919, 1e6 / 115_000, 461.090, 3),
    ],
)
def test_a_guest_is_worth_what_is_printed(visits, guests, branding, value, digits):
    rates = {"discount": 0.08, "growth": 0.06, "inflation": 0.03}
    cost = {"marketing": 130.0, "branding": branding, "acquisition": 150.0}
    stays = {"spend": 750.0, "margin": 0.32, "nights": 2.0, "visits": visits}
    one = Guest(**stays, **cost, retention=guests / 115_000, years=6, **rates)
    assert one.value() == pytest.approx(value, abs=printed(digits))


@pytest.mark.parametrize(("months", "net"), [(15, -50.0), (18, -5.0), (21, 40.0)])
def test_what_free_months_leave_as_printed(months, net):
    assert reference.net_after_free_months(40.0, 3, 25.0, 155.0, months) == net


def test_common_random_numbers_as_printed():
    lives = reference.paired_geometric_lives(0.75, 0.80)
    assert lives.correlation == pytest.approx(0.994663, abs=printed(6))
    assert lives.variance == pytest.approx(1.181480, abs=printed(6))
    assert lives.variance_independent == pytest.approx(32.0, rel=1e-13)


def test_common_random_numbers_against_the_double_sum():
    lasts = np.minimum.outer(0.3 ** np.arange(200), 0.6 ** np.arange(200))
    covariance = float(lasts.sum()) - 1.0 / (0.7 * 0.4)
    lives = reference.paired_geometric_lives(0.3, 0.6)
    variance = 0.3 / 0.7**2 + 0.6 / 0.4**2 - 2.0 * covariance
    assert lives.variance == pytest.approx(variance, rel=1e-12)


def test_common_random_numbers_of_equal_lives_leave_no_difference():
    lives = reference.paired_geometric_lives(0.9, 0.9)
    assert lives.correlation == pytest.approx(1.0, rel=1e-12)
    assert lives.variance == pytest.approx(0.0, abs=1e-10)


def test_worked_examples_of_the_field():
    assert reference.fixed_life_value(25.0, 3) == 75.0
    assert reference.fixed_life_value(25.0, 15) == 375.0
    assert reference.mean_life(0.90) == pytest.approx(10.0, rel=1e-14)
    assert reference.mean_life(0.95) == pytest.approx(20.0, rel=1e-14)
    # The studio's 15 months as a mean life in place of a known one: the same value.
    kept = 1.0 - 1.0 / 15.0
    value = reference.constant_churn_value(25.0, kept, 0.0)
    assert value == pytest.approx(375.0, rel=1e-13)


def test_fixed_life_is_discounted_from_its_second_payment_on():
    value = reference.fixed_life_value(100.0, 3, 0.1)
    assert value == pytest.approx(100.0 + 100.0 / 1.1 + 100.0 / 1.21, rel=1e-14)


def test_constant_churn_is_the_case_without_promotion():
    plain = BergerNasr(margin=260.0, promotion=0.0, retention=0.75, discount=0.2)
    value = reference.constant_churn_value(260.0, 0.75, 0.2)
    assert value == pytest.approx(plain.value(), rel=1e-14)


@pytest.mark.parametrize("timing", [0.0, 0.5, 1.0])
def test_residual_value_is_the_sum_beyond_the_horizon(timing: float):
    later = sum(40.0 * 0.8**t * 1.1 ** -(t + timing) for t in range(400))
    value = reference.residual_value(40.0, 0.8, 0.1, timing)
    assert value == pytest.approx(later, rel=1e-13)
