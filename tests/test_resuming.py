"""What is resumed is checked whole: refused only for what changes a number, which is named."""

import json

import h5py
import numpy as np
import pytest

import clvsim
from clvsim.errors import InputError
from clvsim.results import MAY_BE_NAN, RAW, load_result, load_whole_result, save
from clvsim.scenario.model import Scenario

PLAN = {
    "time": {"periods": 6},
    "simulation": {"worlds": 4},
    "segments": {
        "a": {"churn": 0.1, "spend": {"distribution": "gamma", "a": 2.0}},
        "b": {"churn": 0.2, "spend": 3.0},
    },
    "cohorts": {
        "base": {"segment": "a", "customers": 30},
        "more": {"segment": "b", "customers": 3},
    },
}
OTHER = {**PLAN, "segments": {**PLAN["segments"], "b": {"churn": 0.3, "spend": 3.0}}}


def scenarios(*plans):
    return {f"v{i}": Scenario.model_validate(plan) for i, plan in enumerate(plans)}


@pytest.fixture(scope="module")
def earlier():
    return clvsim.compare(scenarios(PLAN, OTHER))


def resumed(earlier, plans=(PLAN, OTHER), **effort):
    return clvsim.compare(scenarios(*plans), effort=clvsim.Effort(**effort), earlier=earlier)


def test_titles_worlds_and_other_packages_change_nothing(earlier):
    plans = [
        {**plan, "name": "New", "question": "Why?", "simulation": {"worlds": 6}}
        for plan in (PLAN, OTHER)
    ]
    versions = json.loads(earlier.attrs["versions"]) | {"xarray": "1.0"}
    changed = earlier.assign_attrs(versions=json.dumps(versions), python="3.0")
    found, whole = resumed(changed, plans), clvsim.compare(scenarios(*plans))
    assert found["world"].values.tolist() == list(range(6))
    for name in whole.data_vars:
        np.testing.assert_array_equal(found[name].values, whole[name].values, err_msg=name)
    assert found.attrs["scenarios"] == whole.attrs["scenarios"]


def test_scenarios_in_another_order_are_the_same_scenarios(earlier):
    plans = dict(reversed(scenarios(PLAN, OTHER).items()))
    found = clvsim.compare(plans, effort=clvsim.Effort(worlds=6), earlier=earlier)
    whole = clvsim.compare(plans, effort=clvsim.Effort(worlds=6))
    for name in whole.data_vars:
        np.testing.assert_array_equal(found[name].values, whole[name].values, err_msg=name)


def with_version(earlier):
    versions = json.loads(earlier.attrs["versions"]) | {"numba": "0.1"}
    return earlier.assign_attrs(versions=json.dumps(versions))


def with_nan(earlier):
    changed = earlier.copy(deep=True)
    changed["cash"].values[0, 2, 0, 0] = np.nan
    return changed


def with_gap(earlier):
    return earlier.assign_coords(world=[0, 1, 3, 4])


REFUSED = {
    "seed": (lambda one: one.assign_attrs(seed="2"), "another seed .2 there and 1 here"),
    "version": (with_version, r"numba 0\.1 there and"),
    "no versions": (lambda one: one.drop_attrs(), "does not say what"),
    "nonsense": (lambda one: one.assign_attrs(scenarios="[1"), "does not say what"),
    "no variant": (lambda one: one.isel(scenario=[0]), "other labels along 'scenario'"),
    "no rival": (lambda one: one.isel(rival=[0]), "other labels along 'rival'"),
    "no variable": (lambda one: one.drop_vars("luck"), "lacks 'luck'"),
    "no worlds": (lambda one: one.isel(world=[]), "has no numbered worlds"),
    "a gap": (with_gap, "not all worlds from 0 on"),
    "a repeat": (lambda one: one.isel(world=[0, 1, 1, 2]), "not all worlds from 0 on"),
    "a late start": (lambda one: one.isel(world=slice(1, None)), "not all worlds from 0 on"),
    "no number": (with_nan, "'cash' with something that is no number"),
    "whole numbers": (lambda one: one.assign(luck=one["luck"].astype(int)), "'luck' as something"),
    "turned": (lambda one: one.assign(luck=one["luck"].T), "'luck' along other dimensions"),
}


@pytest.mark.parametrize(("change", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_whole_is_refused(earlier, change, why):
    with pytest.raises(InputError, match=f"{why}.*cannot be resumed"):
        resumed(change(earlier), worlds=6)


def test_what_differs_between_scenarios_is_named(earlier):
    later = {**OTHER, "money": {"discount_rate": 0.2}}
    with pytest.raises(InputError, match=r"v1: money\.discount_rate is .* and 0\.2 here"):
        resumed(earlier, (PLAN, later))
    with pytest.raises(InputError, match="it has 'v1' besides"):
        clvsim.run(scenarios(PLAN), ["v0"], earlier=earlier)
    fewer = {**OTHER, "cohorts": {"base": PLAN["cohorts"]["base"]}}
    with pytest.raises(InputError, match=r"v1: cohorts\.more is another table there and absent"):
        resumed(earlier, (PLAN, fewer))


def test_what_may_be_no_number_is_no_number_where_nobody_is():
    """And nothing else is: what else might be would never be resumed."""
    nobody = {**PLAN, "cohorts": {"base": {"segment": "a", "customers": 0}}}
    found = clvsim.run(Scenario.model_validate(nobody))
    empty = {name for name in RAW if bool(found[name].isnull().any())}
    assert empty == {*MAY_BE_NAN, *(name for name, (dims, *_) in RAW.items() if "quantile" in dims)}
    assert clvsim.run(Scenario.model_validate(nobody), earlier=found).sizes["world"] == 4


def test_a_saved_result_is_compressed_and_says_whether_it_is_whole(earlier, tmp_path):
    path = tmp_path / "x.nc"
    save(earlier, path)
    loaded = load_whole_result(path)
    for name, variable in earlier.variables.items():
        np.testing.assert_array_equal(loaded.variables[name].values, variable.values, err_msg=name)
    assert loaded.attrs == earlier.attrs
    with h5py.File(path, "r+") as file:
        assert file["cash"].compression == "gzip"
        file["cash"][0, 0, 0, 0] += 1.0
    for reopen in (load_result, load_whole_result):
        with pytest.raises(InputError, match=r"x\.nc is damaged"):
            reopen(path)


def test_a_result_that_another_program_wrote_can_be_read_and_not_resumed(earlier, tmp_path):
    path = tmp_path / "x.nc"
    earlier.to_netcdf(path, engine="h5netcdf")
    assert load_result(path).attrs == earlier.attrs
    with pytest.raises(InputError, match="has no checksum"):
        load_whole_result(path)


@pytest.mark.parametrize("worlds", [1, 3])
def test_an_interrupt_is_raised_with_what_is_whole(worlds, monkeypatch):
    """A loop over runs must not go on with a part of one."""
    monkeypatch.setattr("clvsim.api._ROUND", 1)
    plan = Scenario.model_validate(PLAN)

    def impatient(done, _):
        if done >= 33 * worlds:
            raise KeyboardInterrupt

    with pytest.raises(clvsim.Interrupted) as stop:
        clvsim.run(plan, progress=impatient)
    assert stop.value.worlds == worlds - 1
    if worlds == 1:
        with pytest.raises(KeyboardInterrupt):
            stop.value.result()
        return
    part = stop.value.result()
    assert part["world"].values.tolist() == list(range(worlds - 1))
    np.testing.assert_array_equal(
        clvsim.run(plan, earlier=part)["npv"].values, clvsim.run(plan)["npv"].values
    )
