"""Posteriors that PyMC-Marketing saved: read, drawn world by world, refused with a reason."""

import numpy as np
import pytest
import xarray as xr

from clvsim.errors import ScenarioError
from clvsim.scenario.load import load
from clvsim.scenario.posterior import MOST_DRAWS, r_hat
from clvsim.scenario.uncertain import is_uncertain
from clvsim.scenario.worlds import in_world

SHAPE = (4, 300)
REST = """
[time]
step = "month"
periods = 6
[cohorts.c]
segment = "shop"
customers = 10
[segments.shop]
{segment}
"""


def save(folder, name="fit.nc", *, chains=4, scaled=(), **variables):
    """A posterior whose draws differ, around some values."""
    rng = np.random.default_rng(1)
    shape = (chains, SHAPE[1])
    data = {
        f"{key}_scale" if key in scaled else key: (
            ("chain", "draw"), value * np.exp(0.1 * rng.standard_normal(shape)),
        )
        for key, value in variables.items()
    }  # fmt: skip
    dataset = xr.Dataset(data, {"chain": np.arange(chains), "draw": np.arange(SHAPE[1])})
    dataset.to_netcdf(folder / name, group="posterior", engine="h5netcdf")
    return dataset


def read(folder, segment):
    (folder / "plan.toml").write_text(REST.format(segment=segment))
    return load(folder / "plan.toml").baseline


BG_NBD = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}


def test_bg_nbd_and_gamma_gamma(tmp_path):
    fit = save(tmp_path, **BG_NBD)
    save(tmp_path, "spend.nc", p=6.25, q=3.74, v=15.44)
    scenario = read(
        tmp_path,
        'posterior = [{ file = "fit.nc", unit = "week" }, { file = "spend.nc", unit = "week" }]',
    )
    shop = scenario.segments["shop"]
    assert shop.relationship == "bg/nbd"
    assert is_uncertain(scenario)
    assert shop.purchase_rate.parameters["a"] == pytest.approx(float(fit["r"].median()), rel=0.02)
    weeks = 365.25 / 7.0 / 12.0
    per_month = weeks / float(fit["alpha"].median())
    assert shop.purchase_rate.parameters["scale"] == pytest.approx(per_month, rel=0.02)
    assert shop.spend.distribution == "invgamma"
    assert shop.spend_shape == pytest.approx(6.25, rel=0.05)


def test_a_world_takes_one_draw_of_all_parameters(tmp_path):
    fit = save(tmp_path, **BG_NBD)
    scenario = read(tmp_path, 'posterior = { file = "fit.nc", unit = "month" }\nspend = 3.0')
    pairs = {
        (round(float(a), 12), round(1.0 / float(alpha), 12))
        for a, alpha in zip(fit["a"].values.ravel(), fit["alpha"].values.ravel(), strict=True)
    }
    taken = set()
    for world in range(200):
        shop = in_world(scenario, 1, world).segments["shop"]
        pair = (shop.churn.parameters["a"], shop.purchase_rate.parameters["scale"])
        taken.add((round(pair[0], 12), round(pair[1], 12)))
    assert taken <= pairs
    assert len(taken) > 150
    assert len(scenario.segments["shop"].posterior[0].draws) == MOST_DRAWS


def test_pareto_nbd_scales_under_covariates_and_sbg_by_cohort(tmp_path):
    save(tmp_path, scaled=("alpha", "beta"), r=0.553, alpha=10.578, s=0.606, beta=11.669)
    scenario = read(tmp_path, 'posterior = { file = "fit.nc", unit = "month" }\nspend = 3.0')
    assert scenario.segments["shop"].relationship == "pareto/nbd"
    assert scenario.segments["shop"].death_rate.parameters["scale"] == pytest.approx(
        1.0 / 11.669, rel=0.05
    )
    draws = np.full((2, 50, 2), 0.7) * [1.0, 2.0]
    cohorts = xr.Dataset(
        dict.fromkeys(("alpha", "beta"), (("chain", "draw", "cohort"), draws)),
        {"cohort": ["old", "new"]},
    )
    cohorts.to_netcdf(tmp_path / "sbg.nc", group="posterior", engine="h5netcdf")
    table = '{ file = "sbg.nc", unit = "month", cohort = "new" }'
    scenario = read(tmp_path, f"posterior = {table}\nspend = 3.0")
    assert scenario.segments["shop"].churn.parameters == {"a": 1.4, "b": 1.4}


FAULTS = [
    ('posterior = { file = "none.nc", unit = "week" }', "there is no file"),
    ('posterior = { file = "fit.nc" }', "is missing"),
    ('posterior = { file = "fit.nc", unit = "weak" }', "must be one of the allowed values"),
    ('posterior = { file = "plan.toml", unit = "week" }', "no group 'posterior'"),
    ('posterior = { file = "odd.nc", unit = "week" }', "no model that we know"),
    (
        'posterior = { file = "near.nc", unit = "week" }',
        "did you mean 'alpha' in place of 'alpha_' (BG/NBD)?",
    ),
    ('posterior = { file = "one.nc", unit = "week" }', "has 1 chain"),
    ('posterior = { file = "zero.nc", unit = "week" }', "not positive"),
    ('posterior = { file = "fit.nc", unit = "week" }\nchurn = 0.1', "and so does the segment"),
    ('relationship = "bg/bb"\nposterior = { file = "fit.nc", unit = "week" }', "a fit of BG/NBD"),
    ('posterior = { file = "sbg.nc", unit = "week" }', "cannot be turned into"),
    ('posterior = { file = "cohorts.nc", unit = "month" }', "say which cohort"),
    ('posterior = { file = "cohorts.nc", unit = "month", cohort = "od" }', "did you mean 'old'"),
    ('posterior = { file = "fit.nc", unit = "week", cohort = "old" }', "not by cohort"),
    ('posterior = { file = "mbg.nc", unit = "week" }', "a fit of MBG/NBD"),
    ('posterior = { file = "short.nc", unit = "week" }', "has 1 draw a chain"),
    ('posterior = { file = "apart.nc", unit = "week" }', "the chains disagree on alpha (R-hat"),
    ('posterior = { file = "text.nc", unit = "week" }', "a is no array of numbers by chain"),
    ('posterior = { file = "flat.nc", unit = "week" }', "b is no array of numbers by chain"),
    ('posterior = { file = "empty.nc", unit = "week" }', "has 0 draws a chain"),
    ('posterior = { file = "two.nc", unit = "week" }', "fits of BG/NBD and of Gamma-Gamma"),
]


@pytest.mark.parametrize(("segment", "says"), FAULTS)
def test_what_is_wrong_is_said(tmp_path, segment, says):
    save(tmp_path, **BG_NBD)
    save(tmp_path, "odd.nc", r=1.0, gamma=2.0)
    near = {"alpha_" if name == "alpha" else name: value for name, value in BG_NBD.items()}
    save(tmp_path, "near.nc", **near)
    save(tmp_path, "one.nc", chains=1, **BG_NBD)
    save(tmp_path, "zero.nc", **{**BG_NBD, "a": 0.0})
    save(tmp_path, "sbg.nc", alpha=0.7, beta=1.2)
    draws = np.ones((2, 60, 2))
    cohorts = dict.fromkeys(("alpha", "beta"), (("chain", "draw", "cohort"), draws))
    cohorts = xr.Dataset(cohorts, {"cohort": ["old", "new"]})
    cohorts.to_netcdf(tmp_path / "cohorts.nc", group="posterior", engine="h5netcdf")
    save_odd_ones(tmp_path)
    with pytest.raises(ScenarioError) as error:
        read(tmp_path, f"{segment}\nspend = 3.0")
    assert says in str(error.value)
    assert len(error.value.faults) == 1


def save_odd_ones(folder):
    """Posteriors that look like others, or like none."""
    fit = save(folder, "two.nc", p=6.25, q=3.74, v=15.44, **BG_NBD).drop_vars(["p", "q", "v"])
    apart = fit["alpha"] * np.array([1.0, 1.0, 1.0, 8.0])[:, None]
    for name, other in {
        "mbg": fit,
        "short": fit.isel(draw=[0]),
        "empty": fit.isel(draw=[]),
        "apart": fit.assign(alpha=apart),
        "text": fit.assign(a=fit["a"].astype(str)),
        "flat": fit.assign(b=fit["b"].isel(draw=0, drop=True)),
    }.items():
        other.to_netcdf(folder / f"{name}.nc", group="posterior", engine="h5netcdf")
    said = xr.Dataset(attrs={"model_type": "MBG/NBD"})
    said.to_netcdf(folder / "mbg.nc", mode="a", engine="h5netcdf")


def test_r_hat_is_that_of_the_textbook():
    # Halves of means 0, 2, 4, 6 and variance 2/3 each: between 20/3, within 2/3, n 3.
    draws = np.array([[-1.0, 0.0, 1.0, 1.0, 2.0, 3.0], [3.0, 4.0, 5.0, 5.0, 6.0, 7.0]])
    assert r_hat(draws) == pytest.approx(np.sqrt(2.0 / 3.0 + (20.0 / 3.0) / 1.0))
    assert r_hat(np.ones((2, 6))) == 1.0


def test_a_name_alone_is_by_the_step_that_the_scenario_writes_down(tmp_path):
    save(tmp_path, **BG_NBD)
    alone = read(tmp_path, 'posterior = "fit.nc"\nspend = 3.0')
    table = read(tmp_path, 'posterior = { file = "fit.nc", unit = "month" }\nspend = 3.0')
    assert alone == table
    file = tmp_path / "plan.toml"
    file.write_text(file.read_text().replace('step = "month"\n', "").replace(TABLE, NAME))
    with pytest.raises(ScenarioError, match="does not say its unit of time") as error:
        load(file)
    assert len(error.value.faults) == 1


TABLE, NAME = '{ file = "fit.nc", unit = "month" }', '"fit.nc"'


def test_bg_bb_is_not_taken_for_the_sbg_whose_names_it_shares(tmp_path):
    save(tmp_path, alpha=1.2, beta=0.75, gamma=0.66, delta=2.78)
    shop = read(tmp_path, 'posterior = { file = "fit.nc", unit = "month" }\nspend = 3.0')
    shop = shop.segments["shop"]
    assert shop.relationship == "bg/bb"
    assert shop.purchase_probability.parameters["a"] == pytest.approx(1.2, rel=0.05)
    assert shop.churn.parameters["b"] == pytest.approx(2.78, rel=0.05)
    with pytest.raises(ScenarioError, match="by week cannot be turned"):
        read(tmp_path, 'posterior = { file = "fit.nc", unit = "week" }\nspend = 3.0')
