"""Tenures, spend and their correlation: the Telco sample, and recovery under censoring."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy

from clvsim.calibration.churn import fit_sbg
from clvsim.calibration.drops import RecordsError
from clvsim.calibration.fitted import Fitted
from clvsim.calibration.records import open_records
from clvsim.calibration.spend import correlation_with_churn, fit_spend, largest_gap
from clvsim.calibration.tenure import fit_tenure, life_table
from clvsim.calibration.tenure_file import TenureColumns, read_tenure
from tests.calibration.losses import accepting
from tests.statistics import assert_proportion

TELCO = Path(__file__).parents[2] / "scenarios" / "data" / "telco-customer-churn.csv"
COLUMNS = TenureColumns("tenure", "Churn", "Contract", "MonthlyCharges")
#: Draws of a whole company; intervals of 60 find a coverage of 0.6 in place of 0.95.
DRAWS = 60


def company(rng, customers=1500, rho=-0.4, alpha=0.7, beta=4.0):
    """Tenures right-censored by a joining date of one's own, and spend that goes with churn."""
    scores = rng.multivariate_normal([0.0, 0.0], [[1.0, rho], [rho, 1.0]], customers)
    theta = scipy.stats.beta.ppf(scipy.stats.norm.cdf(scores[:, 0]), alpha, beta)
    spend = scipy.stats.gamma.ppf(scipy.stats.norm.cdf(scores[:, 1]), 4.0, scale=15.0)
    life = np.floor(np.log(rng.random(customers)) / np.log1p(-theta)) + 1.0
    watched = rng.integers(1, 37, customers)
    has_left = life <= watched
    return np.where(has_left, life, watched).astype(np.int64), has_left, spend


@pytest.fixture(scope="module")
def companies():
    rng = np.random.default_rng(11)
    return [company(rng) for _ in range(DRAWS)]


@pytest.fixture(scope="module")
def fits(companies):
    return [fit_sbg(life_table(tenure, left)) for tenure, left, _ in companies]


@pytest.mark.parametrize(("name", "true"), [("alpha", 0.7), ("beta", 4.0)])
def test_intervals_under_censoring_cover(fits, name, true):
    hits = sum(low <= true <= high for low, high in (one.interval(name) for one in fits))
    assert_proportion(hits, DRAWS, 0.95, fault=0.6)


def test_intervals_of_the_correlation_cover(companies, fits):
    hits = 0
    for (tenure, left, spend), churn in zip(companies, fits, strict=True):
        low, high = correlation_with_churn(churn, tenure, left, spend).interval()
        hits += low <= -0.4 <= high
    assert_proportion(hits, DRAWS, 0.95, fault=0.6)


class Reference:
    """The copula's likelihood without tables: quantiles by bisection, twice the points."""

    def __init__(self, tenure, left, spend):
        self.stayed, self.left = (tenure - left)[:, None], left[:, None]
        self.z = scipy.special.ndtri(scipy.stats.rankdata(spend) / (spend.size + 1.0))[:, None]
        self.nodes, self.weights = np.polynomial.hermite_e.hermegauss(64)

    def odds(self, alpha, beta):
        """Log odds of leaving as a smooth function of the normal score of churn."""
        scores = np.linspace(-9.0, 9.0, 361)
        low, high = np.full(361, -80.0), np.full(361, 80.0)
        for _ in range(60):
            middle = 0.5 * (low + high)
            theta = scipy.special.expit(middle)
            # Either tail from its own side.
            above = np.where(
                scores < 0.0,
                scipy.special.betainc(alpha, beta, theta) > scipy.special.ndtr(scores),
                scipy.special.betaincc(alpha, beta, theta) < scipy.special.ndtr(-scores),
            )
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return scipy.interpolate.CubicSpline(scores, low)

    def logs(self, angle, odds):
        """Log of the chance of what was seen of each customer, shape (customer,)."""
        at = odds(np.tanh(angle) * self.z + self.nodes / np.cosh(angle))
        leave, stay = scipy.special.log_expit(at), scipy.special.log_expit(-at)
        seen = np.exp(self.left * leave + self.stayed * stay)
        return np.log(seen @ (self.weights / self.weights.sum()))

    def alone(self, at):
        """Log of the sBG's chance of a tenure at log shapes, shape (customer,)."""
        alpha, beta = np.exp(at[:2])
        seen = scipy.special.betaln(alpha + self.left, beta + self.stayed)
        return (seen - scipy.special.betaln(alpha, beta))[:, 0]

    def best(self, odds):
        """Atanh of the correlation of the largest likelihood."""
        return scipy.optimize.minimize_scalar(
            lambda angle: -self.logs(angle, odds).sum(), bracket=(-0.1, 0.1), tol=1e-6
        ).x


# Near 1 SciPy has no quantiles in the tails: of the one shape, of the other.
@pytest.mark.parametrize(("alpha", "beta"), [(0.606, 1.035), (1.02, 0.8), (0.7, 4.0)])
def test_the_correlation_is_that_of_an_independent_computation(alpha, beta):
    lives = company(np.random.default_rng(5), 500, 0.3, alpha, beta)
    churn = Fitted("sbg", {"alpha": alpha, "beta": beta}, np.eye(2), 0.0, 500.0)
    found = correlation_with_churn(churn, *lives)
    reference = Reference(*lives)
    angle = reference.best(reference.odds(alpha, beta))
    # The table is linear between its points: worth a hundredth of the standard error.
    assert found.rho == pytest.approx(np.tanh(angle), abs=1e-3)
    assert np.isfinite(found.error)


def test_the_error_of_the_correlation_is_that_of_both_steps():
    """The sandwich of both steps' scores, stacked, takes nothing about them for granted."""
    lives = company(np.random.default_rng(8), 4000, 0.6, 2.0, 20.0)
    churn = fit_sbg(life_table(*lives[:2]))
    found = correlation_with_churn(churn, *lives)
    reference = Reference(*lives)
    steps = 1e-3 * np.eye(3)

    def scores(at):
        """Slopes of a customer's tenure in the log shapes, given spend in atanh of ρ."""
        first = [reference.alone(at + step) - reference.alone(at - step) for step in steps[:2]]
        odds = reference.odds(*np.exp(at[:2]))
        angles = at[2] + steps[2, 2], at[2] - steps[2, 2]
        second = np.subtract(*(reference.logs(angle, odds) for angle in angles))
        return np.array([*first, second]) / 2e-3

    at = np.array([*np.log(list(churn.parameters.values())), np.arctanh(found.rho)])
    slopes = np.stack([(scores(at + step) - scores(at - step)).sum(axis=1) for step in steps], 1)
    bread, own = np.linalg.inv(slopes / 2e-3), scores(at)
    covariance = bread @ own @ own.T @ bread.T
    # Scores of 4,000 customers stand for their expectation to a few per cent.
    assert found.variance == pytest.approx(covariance[2, 2], rel=0.1)
    assert found.with_churn == pytest.approx(covariance[2, :2], rel=0.1)
    assert found.error == pytest.approx((1.0 - found.rho**2) * np.sqrt(found.variance))
    # With churn taken as known it would be a third less.
    assert found.variance > 1.3 * (2e-3 / -slopes[2, 2])


def test_a_correlation_whose_error_is_not_known_is_none(companies, fits):
    unknown = replace(fits[0], covariance=np.full((2, 2), np.nan))
    assert correlation_with_churn(unknown, *companies[0]) is None


def test_a_correlation_that_runs_to_its_bound_is_not_written(tmp_path):
    tenure, left, _ = company(np.random.default_rng(3), 400)
    # Who pays more leaves sooner, without exception.
    rows = [f"{t},{gone},{1.0 + 1.0 / t}" for t, gone in zip(tenure, left, strict=True)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["tenure,left,paid", *rows]) + "\n")
    (segment,) = fit_tenure(
        open_records(path), TenureColumns("tenure", "left", "", "paid"), "month", "sbg"
    ).segments
    assert segment.chosen.model == "sbg"
    assert segment.correlation is None
    assert "correlations" not in segment.values
    assert "the data tell neither it nor its error" in " ".join(segment.notes)


@pytest.mark.parametrize(("model", "true"), [("gamma", (4.0, 15.0)), ("lognorm", (0.5, 60.0))])
def test_intervals_of_spend_cover_and_the_true_model_wins(model, true):
    rng = np.random.default_rng(2)
    shapes = {"gamma": (4.0, 0.0, 15.0), "lognorm": (0.5, 0.0, 60.0)}[model]
    hits, wins = [0, 0], 0
    for _ in range(DRAWS):
        amounts = getattr(scipy.stats, model).rvs(*shapes, size=600, random_state=rng)
        fitted = {one.model: one for one in fit_spend(amounts)}[model]
        wins += fit_spend(amounts)[0].model == model
        for place, name in enumerate(fitted.parameters):
            low, high = fitted.interval(name)
            hits[place] += low <= true[place] <= high
    for count in hits:
        assert_proportion(count, DRAWS, 0.95, fault=0.6)
    assert wins > 0.9 * DRAWS


@pytest.mark.parametrize("model", ["gamma", "lognorm"])
def test_spend_agrees_with_scipy(model):
    amounts = scipy.stats.gamma.rvs(3.0, scale=20.0, size=400, random_state=5)
    fitted = {one.model: one for one in fit_spend(amounts)}[model]
    shape, _, scale = getattr(scipy.stats, model).fit(amounts, floc=0.0)
    assert list(fitted.parameters.values()) == pytest.approx([shape, scale], rel=1e-4)
    density = getattr(scipy.stats, model).logpdf(amounts, **fitted.parameters)
    assert fitted.log_likelihood == pytest.approx(density.sum(), rel=1e-12)
    assert 0.0 < largest_gap(amounts, fitted) < 0.1


def test_life_table_by_hand():
    # Of 5 at risk one leaves; one stays for 1 month only; of 3 one leaves in month 2.
    tenure = np.array([1, 1, 2, 2, 3, 0])
    left = np.array([True, False, True, False, False, False])
    table = life_table(tenure, left)
    assert table.leavers.tolist() == [1.0, 1.0, 0.0]
    assert table.stayers.tolist() == [4.0, 2.0, 1.0]


@pytest.fixture(scope="module")
def telco():
    return fit_tenure(open_records(TELCO), COLUMNS, "month", "sbg")


def test_telco_month_to_month_is_an_sbg_with_less_churn_at_higher_charges(telco):
    monthly = telco.segments[0]
    assert (monthly.key, monthly.label, monthly.customers) == (
        "month_to_month", "Month-to-month", 3875.0,
    )  # fmt: skip
    assert monthly.chosen.model == "sbg"
    assert monthly.correlation.rho == pytest.approx(-0.087, abs=0.002)
    assert monthly.correlation.error == pytest.approx(0.024, abs=0.002)
    assert monthly.values["spend"]["distribution"] == "gamma"


@pytest.mark.parametrize(("place", "label"), [(1, "One year"), (2, "Two year")])
def test_telco_contracts_show_no_heterogeneity_and_it_says_so(telco, place, label):
    segment = telco.segments[place]
    assert segment.label == label
    assert segment.chosen.model == "geometric"
    assert isinstance(segment.values["churn"], float)
    assert "correlations" not in segment.values
    text = " ".join(segment.notes)
    assert "No sign that customers differ in churn" in text
    assert "churn rises with tenure" in text
    assert "needs a churn that differs between customers" in text


def test_telco_newcomers_are_told(telco):
    assert any(note.startswith("11 customers of tenure 0") for note in telco.notes)
    assert any("watched from joining" in note for note in telco.notes)


# Rows that cannot be used

ROWS = [f"c{i},{1 + i % 5},{'Yes' if i % 2 else 'No'},basic,20" for i in range(30)]


@pytest.fixture
def records(tmp_path):
    def write(*rows, head="id,tenure,left,plan,paid"):
        path = tmp_path / "t.csv"
        path.write_text("\n".join((head, *ROWS, *rows)) + "\n")
        return open_records(path)

    return write


NAMED = TenureColumns("tenure", "left", "plan", "paid")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("x,soon,No,basic,20", "tenures that are no whole number of periods (--tenure), the first"),
        ("x,2.5,No,basic,20", "tenures that are no whole number"),
        ("x,-1,No,basic,20", "tenures that are no whole number"),
        ("x,3,perhaps,basic,20", "neither yes nor no (--churned), the first 'perhaps'"),
        ("x,0,Yes,basic,20", "left at tenure 0"),
        ("x,3,No,,20", "no name of a segment (--segment), the first is empty"),
        ("x,3,No", "lines with more or fewer fields"),
        ("x,3,No,basic,20,extra", "lines with more or fewer fields"),
        ("", "empty lines"),
    ],
)
def test_a_bad_row_is_left_out_and_told(records, row, words):
    people, drops = read_tenure(accepting(records(row)), NAMED)
    assert people.tenure.size == 30
    (line,) = drops.told()
    assert line.startswith("1 of 31 rows left out: ")
    assert words in line
    assert "; line 32" in line


@pytest.mark.parametrize("amount", ["much", "", "-5", "0", "nan", "inf", "1.000,50"])
def test_a_bad_amount_still_counts_for_churn(records, amount):
    people, drops = read_tenure(accepting(records(f'x,3,No,basic,"{amount}"')), NAMED)
    assert people.tenure.size == 31
    assert np.isnan(people.spend[-1])
    (line,) = drops.told()
    assert line.startswith("1 of 31 rows noted and kept: amounts")
    assert "used for churn, not for spend" in line


def test_equal_rows_are_kept_and_told_unless_customers_are_named(records):
    people, drops = read_tenure(records(ROWS[0], ROWS[1]), NAMED)
    assert people.tenure.size == 32
    assert drops.told()[0].startswith("2 of 32 rows noted and kept: equal to an earlier row")
    named = TenureColumns("tenure", "left", "plan", "paid", "id")
    people, drops = read_tenure(records(ROWS[0], ROWS[1], "c3,9,No,basic,9"), named)
    assert people.tenure.size == 30
    assert drops.told()[0].startswith("3 of 33 rows left out: a customer that has a row already")


def test_a_mostly_bad_file_is_refused_with_all_faults(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("tenure,left,paid\n" + "long,maybe,20\n" * 2 + "3,perhaps,much\n" * 3)
    with pytest.raises(RecordsError) as caught:
        read_tenure(open_records(path), TenureColumns("tenure", "left", "", "paid"))
    assert [(fault.path, fault.line, fault.message) for fault in caught.value.faults] == [
        (
            "--tenure",
            2,
            "2 of 5 rows: tenures that are no whole number of periods, the first 'long'",
        ),
        ("--churned", 4, "3 of 5 rows: neither yes nor no, the first 'perhaps'"),
    ]


def test_a_decimal_comma_is_recognised(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("tenure;left;paid\n" + "3;No;29,85\n" * 20)
    with pytest.raises(RecordsError) as caught:
        read_tenure(open_records(path), TenureColumns("tenure", "left", "", "paid"))
    assert caught.value.faults[0].allowed == "a decimal point, as in 29.85"


def test_a_segment_without_customers_is_a_fault(records):
    with pytest.raises(RecordsError, match="the segment 'gold' has no customer who was watched"):
        read_tenure(records("x,0,No,gold,20", "y,,No,gold,20"), NAMED)


def test_a_column_of_customers_is_no_column_of_segments(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,tenure,left\n" + "".join(f"{i},3,No\n" for i in range(200)))
    with pytest.raises(RecordsError, match="200 different segments, such as '0'"):
        read_tenure(open_records(path), TenureColumns("tenure", "left", "id"))


def test_all_missing_columns_at_once_with_the_near_ones():
    columns = TenureColumns("Tenure", "Chrun", "Contracts", "MonthlyCharges")
    with pytest.raises(RecordsError) as caught:
        read_tenure(open_records(TELCO), columns)
    assert [(fault.path, fault.hint) for fault in caught.value.faults] == [
        ("--tenure", "tenure"), ("--churned", "Churn"), ("--segment", "Contract"),
    ]  # fmt: skip


def test_without_spend_the_block_says_so(records):
    outcome = fit_tenure(records(), TenureColumns("tenure", "left"), "month", "best")
    (segment,) = outcome.segments
    assert segment.values["spend"] == 1.0
    assert "not in the data" in segment.comments["spend"]


def test_spend_the_same_for_all_is_a_number(records):
    outcome = fit_tenure(records(), NAMED, "month", "sbg")
    assert outcome.segments[0].values["spend"] == 20.0
    assert outcome.segments[0].spend == ()
