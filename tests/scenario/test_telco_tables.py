"""The telco retention tables are what their script derives from the sample."""

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.special

from clvsim.scenario.retention import fit_retention
from tests.statistics import assert_mean

DATA = Path(__file__).parents[2] / "scenarios" / "data"


@pytest.fixture(scope="module")
def telco() -> ModuleType:
    """Load the script, which lives outside any package."""
    spec = importlib.util.spec_from_file_location("telco", DATA / "derive_telco.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its own module up while it is made.
    sys.modules["telco"] = module
    spec.loader.exec_module(module)
    return module


def test_saved_tables_are_derived_from_the_sample(telco: ModuleType):
    with (DATA / "telco-retention.csv").open(newline="", encoding="utf-8") as file:
        saved = [
            (row["contract"], int(row["month"]), int(row["survivors"]))
            for row in csv.DictReader(file)
        ]
    assert saved == telco.table_rows(telco.read_sample())


def test_every_table_can_be_quoted_in_a_scenario(telco: ModuleType):
    models = {}
    for contract, group in telco.read_sample().items():
        table = telco.life_table(group).survivors()
        assert len(table) == telco.LAST_MONTH + 1
        models[contract] = fit_retention(table).model
    assert models == {
        "Month-to-month": "sbg",
        "One year": "geometric",
        "Two year": "geometric",
    }


def test_sample_has_its_published_size(telco: ModuleType):
    groups = telco.read_sample().values()
    assert [group.tenure.size for group in groups] == [3875, 1473, 1695]
    assert [int(group.left.sum()) for group in groups] == [1655, 166, 48]


def test_life_table_by_hand(telco: ModuleType):
    # Of 5 at risk one leaves; one stays for 1 month only; of 3 one leaves in month 2.
    group = telco.Subscribers(
        tenure=np.array([1, 1, 2, 2, 3]),
        left=np.array([True, False, True, False, False]),
        spend=np.ones(5),
    )
    table = telco.life_table(group, months=2)
    assert table.at_risk.tolist() == [5.0, 3.0]
    assert table.leavers.tolist() == [1.0, 1.0]
    assert table.survival[-1] == pytest.approx(4 / 5 * 2 / 3, rel=1e-15)
    last, relative = 8 / 15, 1 / (5 * 4) + 1 / (3 * 2)
    effective = last * (1 - last) / (last**2 * relative)
    assert table.effective == pytest.approx(effective, rel=1e-12)


def test_effective_size_of_a_fully_watched_cohort_is_its_own(telco: ModuleType):
    tenure = np.repeat([1, 2, 3], [30, 20, 50])
    group = telco.Subscribers(tenure, tenure < 3, np.ones(100))
    assert telco.life_table(group, months=2).effective == pytest.approx(100, rel=1e-12)


def test_gamma_fit_finds_the_gamma(telco: ModuleType):
    quantiles = (np.arange(20_000) + 0.5) / 20_000
    spend = 15.0 * scipy.special.gammaincinv(4.0, quantiles)
    ones = np.ones(spend.size, dtype=int)
    fit = telco.fit_spend(telco.Subscribers(ones, ones > 0, spend))
    assert fit.shape == pytest.approx(4.0, rel=2e-3)
    assert fit.scale == pytest.approx(15.0, rel=2e-3)
    assert fit.distance < 1e-3


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5])
def test_copula_correlation_is_recovered(telco: ModuleType, rho: float):
    generator = np.random.default_rng(20_240_607)
    size = 20_000
    spend = generator.standard_normal(size)
    own = generator.standard_normal(size)
    score = rho * spend + np.sqrt(1.0 - rho**2) * own
    theta = scipy.special.betaincinv(0.7, 10.0, scipy.special.ndtr(score))
    life = np.ceil(np.log(generator.random(size)) / np.log1p(-theta))
    watched = generator.integers(1, 73, size)
    tenure = np.minimum(life, watched).astype(np.int64)
    group = telco.Subscribers(tenure, life <= watched, np.exp(spend))
    found, error = telco.fit_copula(group)
    assert_mean(found, error, rho, fault=0.6 * rho if rho else 0.1)


def test_spend_that_rises_with_tenure_alone_is_no_association(telco: ModuleType):
    generator = np.random.default_rng(20_240_608)
    size = 20_000
    spend = generator.standard_normal(size)
    life = generator.geometric(0.004, size)
    watched = np.clip(36 + 15 * spend + 8 * generator.standard_normal(size), 1, 72)
    tenure = np.minimum(life, watched.astype(np.int64))
    group = telco.Subscribers(tenure, life <= tenure, np.exp(spend))
    scores = telco.normal_scores(group.spend)
    found, error = telco.correlate_residual(group, scores)
    # The correlation of ranks on both sides, which takes tenure for loyalty.
    assert_mean(found, error, 0.0, fault=-0.3)


def test_script_prints_every_contract(
    telco: ModuleType,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sys, "argv", ["derive_telco.py"])
    telco.main()
    printed = capsys.readouterr().out
    for contract in telco.CONTRACTS:
        assert f"{contract}: " in printed
