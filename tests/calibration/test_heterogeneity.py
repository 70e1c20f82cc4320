"""What a table leaves open of how customers differ is kept: draws of the sBG."""

import numpy as np
import pytest
import scipy

import clvsim
from clvsim.calibration.block import block
from clvsim.calibration.churn import LifeTable, fit_sbg
from clvsim.calibration.heterogeneity import DRAWS, sbg_draws
from clvsim.calibration.outcome import fit_churn
from clvsim.calibration.records import open_records
from clvsim.calibration.retention import RetentionColumns, fit_retention_table
from clvsim.calibration.sampling import drawn_together
from clvsim.calibration.tenure import fit_tenure
from clvsim.calibration.tenure_file import TenureColumns
from clvsim.errors import ScenarioError
from clvsim.scenario.life_table import LifeTable as Counts
from clvsim.scenario.worlds import in_world
from tests.statistics import assert_proportion

#: The exact expected survivors of 300 customers whose churn is Beta(1.5, 15).
EXPECTED = np.array([300.0, 273, 249, 229, 212, 196, 182, 170])
#: Tables of which intervals are counted: so many find a coverage of 0.75 in place of 0.95.
TABLES = 160
REST = """
[time]
step = "month"
periods = 12
[money]
discount_rate = 0.1
[simulation]
worlds = 4
[cohorts.c]
segment = "customers"
customers = 100
"""


def life_of(survivors):
    return LifeTable(survivors[:-1] - survivors[1:], survivors[1:])


def survivals(shapes, periods):
    """Share still there after so many periods, by alpha and beta, shape (draw,), 1."""
    alpha, beta = shapes.T
    betaln = scipy.special.betaln
    return np.exp(betaln(alpha, beta + periods) - betaln(alpha, beta))


def interval(fitted, periods):
    """Bounds of survival, 95 %, as worlds draw it."""
    drawn = fitted.draws
    if drawn is None:
        scores = np.random.default_rng(0).standard_normal((2000, 2))
        root = np.linalg.cholesky(fitted.covariance)
        drawn = np.exp(np.log(list(fitted.parameters.values())) + scores @ root.T)
    return np.quantile(survivals(drawn, periods), [0.025, 0.975])


def test_a_test_that_does_not_reject_one_rate_is_no_knowledge_of_it():
    fitted = fit_sbg(life_of(EXPECTED))
    # The maximum, by another optimiser.
    assert list(fitted.parameters.values()) == pytest.approx([1.54179, 15.4511], rel=1e-4)
    assert fitted.log_likelihood == pytest.approx(-453.61682, abs=1e-5)
    low, high = interval(fitted, 20)
    assert low < 0.284 < high
    assert low < 0.2
    assert "Whether customers differ in churn is not known" in fitted.notes[0]
    assert "log-likelihood lower by 0.71" in fitted.notes[0]


@pytest.mark.parametrize(
    ("alpha", "beta", "customers"),
    [(1.5, 15.0, 100), (1.5, 15.0, 300), (0.668, 3.806, 100), (0.668, 3.806, 300)],
)
def test_intervals_of_survival_cover(alpha, beta, customers):
    rng = np.random.default_rng(20261201)
    share = survivals(np.array([[alpha, beta]] * 8), np.arange(8.0))
    chances = [*-np.diff(share), share[-1]]
    true = float(survivals(np.array([[alpha, beta]]), 20.0)[0])
    hits = 0
    for left in rng.multinomial(customers, chances, TABLES)[:, :-1]:
        survivors = np.concatenate(([customers], customers - np.cumsum(left))).astype(float)
        low, high = interval(fit_sbg(life_of(survivors)), 20)
        hits += low <= true <= high
    assert_proportion(hits, TABLES, 0.95, fault=0.75)


def test_draws_are_the_likelihood_weighted():
    """Means over draws are those of a sum over a fine grid, without any of its shortcuts."""
    life = life_of(EXPECTED)
    draws = sbg_draws(Counts.from_counts(life.leavers, life.stayers))
    assert draws.shape == (DRAWS, 2)
    odds, totals = np.meshgrid(np.linspace(-4.0, -1.0, 241), np.linspace(-2.0, 14.0, 801))
    mean, total = scipy.special.expit(odds), np.exp(totals)
    logs = np.zeros(mean.shape)
    for earlier, (left, stayed) in enumerate(zip(life.leavers, life.stayers, strict=True)):
        rate = mean * total / (total + earlier)
        logs += left * np.log(rate) + stayed * np.log1p(-rate)
    polarisation = 1.0 / (1.0 + total)
    # φ^-0.2 dφ is φ^0.8 (1 - φ) d log(α+β).
    weights = np.exp(logs - logs.max()) * polarisation**0.8 * (1.0 - polarisation)
    weights /= weights.sum()
    shapes = np.column_stack(((mean * total).ravel(), ((1.0 - mean) * total).ravel()))
    for periods in (1, 7, 20, 40):
        exact = float(weights.ravel() @ survivals(shapes, periods))
        spread = survivals(draws, periods).std()
        assert survivals(draws, periods).mean() == pytest.approx(exact, abs=0.03 * spread)
        squares = float(weights.ravel() @ survivals(shapes, periods) ** 2) - exact**2
        assert spread == pytest.approx(np.sqrt(squares), rel=0.05)


def test_a_normal_distribution_is_written_where_it_says_the_same():
    sure = fit_sbg(life_of(np.array([1000.0, 631, 468, 382, 326, 289, 262, 241])))
    assert sure.draws is None
    assert sure.notes == ()
    low, high = np.quantile(survivals(np.exp(
        np.log(list(sure.parameters.values()))
        + np.random.default_rng(1).standard_normal((4000, 2))
        @ np.linalg.cholesky(sure.covariance).T), 20), [0.025, 0.975])  # fmt: skip
    life = life_of(np.array([1000.0, 631, 468, 382, 326, 289, 262, 241]))
    drawn = np.quantile(
        survivals(sbg_draws(Counts.from_counts(life.leavers, life.stayers)), 20), [0.025, 0.975]
    )
    assert drawn == pytest.approx([low, high], abs=0.1 * (high - low))


def test_the_interval_of_a_parameter_is_that_of_the_draws():
    fitted = fit_sbg(life_of(EXPECTED))
    own = np.quantile(fitted.draws[:, 0], [0.025, 0.975])
    assert fitted.interval("alpha") == pytest.approx(own, rel=1e-12)


@pytest.mark.parametrize("choice", ["sbg", "best"])
def test_the_block_has_the_sbg_and_one_rate_only_when_asked(choice):
    life = life_of(EXPECTED)
    assert fit_churn(life, choice).chosen.model == "sbg"
    asked = fit_churn(life, "geometric")
    assert asked.chosen.model == "geometric"
    assert any("--model sbg keeps that doubt" in note for note in asked.notes)


@pytest.mark.parametrize(
    "survivors",
    [[300, 299, 299, 299], [10, 8, 8], [100, 90], [50, 25, 25], [40, 36, 30, 20], [3, 2, 1, 0]],
)
def test_any_table_of_some_who_leave_and_some_who_stay_has_an_sbg(survivors):
    fitted = fit_sbg(life_of(np.array(survivors, dtype=float)))
    assert fitted.model == "sbg"
    assert np.isfinite(list(fitted.parameters.values())).all()
    assert fitted.draws is not None
    assert (fitted.draws > 0.0).all()
    assert np.isfinite(fitted.draws).all()


# Through a block


@pytest.fixture
def outcome(tmp_path):
    path = tmp_path / "survivors.csv"
    rows = "\n".join(f"{period},{count:.0f}" for period, count in enumerate(EXPECTED))
    path.write_text(f"period,survivors\n{rows}\n")
    return fit_retention_table(open_records(path), RetentionColumns(), "month", "sbg", 0)


def load(folder, text):
    path = folder / "plan.toml"
    path.write_text(text + REST)
    return clvsim.load(path).baseline


def test_every_world_takes_a_draw(outcome, tmp_path):
    scenario = load(tmp_path, block(outcome))
    fit = scenario.segments["customers"].fit
    assert len(fit.draws) == DRAWS
    assert fit.covariance == ()
    draws = {tuple(row) for row in fit.draws}
    found = [in_world(scenario, 5, world).segments["customers"].churn for world in range(60)]
    taken = {(one.parameters["a"], one.parameters["b"]) for one in found}
    assert taken <= draws
    assert len(taken) > 40
    again = in_world(scenario, 5, 7).segments["customers"].churn
    assert again == found[7]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("draws = [\n", "covariance = [[1.0, 0.0], [0.0, 1.0]]\ndraws = [\n", "only one of them"),
        ("draws = [\n", "draws = [\n    [1.0],\n", "draw 0 has 1 numbers for 2 parameters"),
        ("draws = [\n", "draws = [\n    [1.0, -3.0],\n", ""),
    ],
)
def test_draws_that_cannot_be_are_refused_or_not_drawn(outcome, tmp_path, old, new, told):
    text = block(outcome).replace(old, new, 1)
    if told:
        with pytest.raises(ScenarioError, match=told):
            load(tmp_path, text)
    else:
        scenario = load(tmp_path, text)
        shapes = [in_world(scenario, 1, world).segments["customers"].churn for world in range(400)]
        assert min(one.parameters["b"] for one in shapes) > 0.0


def test_what_goes_with_churn_is_drawn_beside_it(tmp_path):
    rng = np.random.default_rng(4)
    theta = rng.beta(1.5, 15.0, 250)
    life = np.floor(np.log(rng.random(250)) / np.log1p(-theta)) + 1.0
    watched = rng.integers(1, 12, 250)
    left = life <= watched
    rows = [
        f"{int(min(one, until))},{int(gone)},{paid:.2f}"
        for one, until, gone, paid in zip(
            life, watched, left, rng.gamma(4.0, 15.0, 250), strict=True
        )
    ]
    path = tmp_path / "t.csv"
    path.write_text("tenure,left,paid\n" + "\n".join(rows) + "\n")
    columns = TenureColumns("tenure", "left", "", "paid")
    outcome = fit_tenure(open_records(path), columns, "month", "sbg")
    (segment,) = outcome.segments
    paths, draws = drawn_together(segment)
    assert paths[:2] == ["churn.a", "churn.b"]
    assert np.array_equal(draws[:, :2], segment.chosen.draws)
    shape = paths.index("spend.a") if "spend.a" in paths else paths.index("spend.s")
    spend = segment.spend[0]
    logs = np.log(draws[:, shape])
    assert logs.mean() == pytest.approx(np.log(next(iter(spend.parameters.values()))), abs=1e-3)
    assert logs.std() == pytest.approx(np.sqrt(spend.covariance[0, 0]), rel=0.1)
    scenario = load(tmp_path, block(outcome))
    assert scenario.segments["customers"].fit.parameters == tuple(paths)
