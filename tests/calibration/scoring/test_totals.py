"""Errors of totals and of classes: parameters drawn from the covariance, samples, many segments."""

import math

import numpy as np
import pytest

from clvsim.calibration.scoring import doubt
from clvsim.calibration.scoring.group import Terms
from clvsim.calibration.scoring.score import CLASSES
from clvsim.reference import BgBb
from tests.calibration.scoring.test_score import (
    BG,
    CONTRACTS,
    DONORS,
    GIVERS,
    PARETO,
    SHOPPERS,
    scored,
)
from tests.statistics import assert_mean

TERMS = Terms("year", horizon=5.0, rate=0.0)
COVARIANCE = np.array([[9e-4, 6e-4, 0.0], [6e-4, 1.6e-3, 4e-4], [0.0, 4e-4, 9e-4]])
DRAWS = 4_000


def doubted(covariance):
    """Donors whose fit has this covariance of three numbers."""
    head = DONORS.split("parameters", maxsplit=1)[0]
    names = '["purchase_probability.a", "churn.b", "spend.scale"]'
    return f"{head}parameters = {names}\ncovariance = {covariance.tolist()}\n"


@pytest.fixture(scope="module")
def drawn():
    """What the published formulas expect of the donors under drawn parameters, (draw, customer)."""
    random = np.random.default_rng(17)
    moves = np.exp(random.multivariate_normal(np.zeros(3), COVARIANCE, DRAWS))
    x, last, n, mean = np.array(
        [[6, 6, 6, 30], [2, 4, 6, 30], [0, 0, 6, 0], [1, 1, 1, 30]], dtype=np.float64
    ).T
    found = []
    for a, b, scale in moves:
        model = BgBb(1.204 * a, 0.75, 0.657, 2.783 * b)
        bought = model.conditional_purchases(5.0, x, last, n)
        unit = (96.0 * scale + 6.0 * x * mean) / (6.0 * x + 3.7 - 1.0)
        found.append((bought * unit, model.alive(x, last, n), bought))
    return dict(zip(("value", "alive", "purchases"), np.moveaxis(found, 1, 0), strict=True))


def judge(draws, middle, error):
    """Hold a standard error against draws of the figure around what the fit says.

    Leaving out the covariances or one of the three numbers moves the variance by more than the
    fault, in one direction or the other.
    """
    assert_mean((draws - middle) ** 2, None, error**2, fault=1.25 * error**2)


@pytest.mark.parametrize("figure", ["value", "alive", "purchases"])
def test_the_fits_error_of_a_total_is_that_of_drawn_parameters(tmp_path, drawn, figure):
    found = scored(tmp_path, doubted(COVARIANCE), GIVERS, TERMS)
    middle = getattr(found, figure).sum()
    judge(drawn[figure].sum(axis=1), middle, found.errors.total(figure).fit)


@pytest.mark.parametrize("figure", ["value", "alive"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_fits_error_of_a_class_is_that_of_drawn_parameters(tmp_path, drawn, figure, number):
    found = scored(tmp_path, doubted(COVARIANCE), GIVERS, TERMS)
    own = found.group == number
    middle = getattr(found, figure)[own].sum()
    judge(drawn[figure][:, own].sum(axis=1), middle, found.errors.of_class(figure, number).fit)


def test_the_error_of_a_share_is_that_of_drawn_parameters(tmp_path, drawn):
    found = scored(tmp_path, doubted(COVARIANCE), GIVERS, TERMS)
    sums = np.bincount(found.group, found.value, len(CLASSES))
    best = found.group == 0
    shares = drawn["value"][:, best].sum(axis=1) / drawn["value"].sum(axis=1)
    judge(shares, sums[0] / sums.sum(), found.errors.of_share("value", 0, sums).fit)


def test_the_luck_of_a_share_follows_from_that_of_the_classes(tmp_path):
    found = scored(tmp_path, DONORS, GIVERS, TERMS)
    sums = np.bincount(found.group, found.value, len(CLASSES))
    variances = [found.errors.of_class("value", number).luck ** 2 for number in range(4)]
    share, total = sums[0] / sums.sum(), sums.sum()
    # The best against all the others: whichever of them has more takes from the share.
    expected = (1.0 - share) ** 2 * variances[0] + share**2 * sum(variances[1:])
    assert found.errors.of_share("value", 0, sums).luck == pytest.approx(
        math.sqrt(expected) / total
    )


def test_errors_of_classes_make_up_that_of_all(tmp_path):
    found = scored(tmp_path, BG, SHOPPERS, Terms("week", horizon=52.0))
    for figure in ("value", "alive", "purchases"):
        lucks = [found.errors.of_class(figure, number).luck for number in range(4)]
        assert found.errors.total(figure).luck == pytest.approx(math.hypot(*lucks))
    spread = np.sum(found.alive * (1.0 - found.alive))
    assert found.errors.total("alive").luck == pytest.approx(math.sqrt(spread))


def test_some_stand_for_all_class_by_class(tmp_path, monkeypatch):
    random = np.random.default_rng(5)
    rows = [
        f"c{at},{x},{round(0.9 * age, 2) if x else 0},{age},{amount:.2f}"
        for at, (x, age, amount) in enumerate(
            zip(
                random.negative_binomial(0.4, 0.2, 9_000).tolist(),
                random.uniform(10.0, 60.0, 9_000).round(1).tolist(),
                random.gamma(2.0, 20.0, 9_000).tolist(),
                strict=True,
            )
        )
    ]
    people = "customer,frequency,recency,age,value\n" + "\n".join(rows) + "\n"
    terms = Terms("week", horizon=52.0)
    some = scored(tmp_path, BG, people, terms).errors
    monkeypatch.setattr(doubt, "_JUDGED", 10_000)
    every = scored(tmp_path, BG, people, terms).errors
    monkeypatch.setattr(doubt, "_JUDGED", 1)
    one = scored(tmp_path, BG, people, terms).errors
    for figure in ("value", "alive", "purchases"):
        assert some.total(figure).fit == pytest.approx(every.total(figure).fit, rel=0.03)
        for number in range(3):
            if figure == "value":
                expected = every.of_class(figure, number).fit
                assert some.of_class(figure, number).fit == pytest.approx(expected, rel=0.06)
            # Nobody of most classes was judged: they move as all together do.
            assert math.isfinite(one.of_class(figure, number).fit)
        assert some.total(figure).luck == every.total(figure).luck


def test_segments_err_independently_and_one_without_an_error_leaves_it_unknown(tmp_path):
    fits = "".join(
        f'[segments.{name}.fit]\nmodel = "x"\nparameters = ["{path}"]\ncovariance = [[0.04]]\n'
        for name, path in (("month_to_month", "churn.a"), ("one_year", "churn"))
    )
    head = "customer,tenure,segment,spend\n"
    rows = ("a,3,month_to_month,20\n", "b,3,one_year,50\n")
    terms = Terms("month", horizon=12.0)
    both = scored(tmp_path, CONTRACTS + fits, head + "".join(rows), terms).errors
    alone = [scored(tmp_path, CONTRACTS + fits, head + row, terms) for row in rows]
    for figure in ("value", "purchases"):
        each = [one.errors.total(figure).fit for one in alone]
        assert min(each) > 0.0
        assert both.total(figure).fit == pytest.approx(math.hypot(*each))
    half = CONTRACTS + fits.split("[segments.one", maxsplit=1)[0]
    unknown = scored(tmp_path, half, head + "".join(rows), terms).errors
    assert math.isnan(unknown.total("value").fit)
    classes = [unknown.of_class("value", number).fit for number in range(4)]
    assert sum(map(math.isnan, classes)) == 1
    assert sum(one > 0.0 for one in classes) == 1


def test_a_total_without_end_has_no_error(tmp_path):
    found = scored(tmp_path, BG, SHOPPERS, Terms("week"))
    assert math.isnan(found.errors.total("purchases").fit)
    assert found.errors.total("purchases").luck == math.inf
    assert found.errors.total("value").fit > 0.0
    assert found.errors.total("alive").fit > 0.0


def test_purchases_of_who_hardly_ever_leaves_vary_without_bound_and_say_so(tmp_path):
    fit = BG.replace("a = 0.8", "a = 1.4")
    found = scored(tmp_path, fit, SHOPPERS, Terms("week"))
    assert np.isfinite(found.purchases).all()
    assert found.errors.total("purchases").luck == math.inf
    assert found.errors.total("value").luck < math.inf
    assert any("the luck of the purchases of 4 customers" in note for note in found.notes)


def test_the_payments_of_a_contract_vary_as_its_life_does(tmp_path):
    fit = CONTRACTS.replace("0.003", "0.5")
    terms = Terms("month", rate=0.3, horizon=2.0)
    found = scored(tmp_path, fit, "customer,tenure\na,3\n", terms, chosen="one_year")
    # Half leave at once, a quarter pay once, a quarter twice, discounted or not.
    assert found.errors.total("purchases").luck == pytest.approx(math.sqrt(0.6875))
    assert found.errors.total("alive").luck == 0.0


def test_who_is_worth_nothing_has_no_share_and_no_error(tmp_path):
    found = scored(tmp_path, PARETO, SHOPPERS, Terms("month", horizon=9.0, margin=0.0))
    sums = np.bincount(found.group, found.value, len(CLASSES))
    assert math.isnan(found.errors.of_share("value", 3, sums).all)
    assert found.errors.total("value").luck == 0.0
