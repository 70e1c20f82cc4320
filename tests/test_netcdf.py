"""NetCDF files that are not what they seem: refused before anything is loaded."""

import os

import h5py
import numpy as np
import pytest
import xarray as xr

from clvsim import netcdf
from clvsim.errors import InputError, ScenarioError
from clvsim.results import load_result
from clvsim.scenario.load import load

PLAN = """
[time]
step = "month"
periods = 4
[segments.a]
posterior = "fit.nc"
spend = 10
[cohorts.c]
segment = "a"
customers = 10
"""


def posterior(path, shape=(2, 60)):
    """A fit of an sBG."""
    rng = np.random.default_rng(1)
    data = {name: (("chain", "draw"), rng.gamma(50.0, 0.02, shape)) for name in ("alpha", "beta")}
    xr.Dataset(data).to_netcdf(path, group="posterior", engine="h5netcdf")


def external_link(path):
    posterior(path.with_name("other.nc"))
    with h5py.File(path, "w") as file:
        file["posterior"] = h5py.ExternalLink("other.nc", "/posterior")


def soft_link(path):
    posterior(path)
    with h5py.File(path, "r+") as file:
        del file["posterior/alpha"]
        file["posterior/alpha"] = h5py.SoftLink("/posterior/beta")


def virtual(path):
    posterior(path.with_name("other.nc"))
    posterior(path)
    with h5py.File(path, "r+") as file:
        del file["posterior/alpha"]
        layout = h5py.VirtualLayout((2, 60), "f8")
        layout[:] = h5py.VirtualSource("other.nc", "posterior/alpha", (2, 60))
        file["posterior"].create_virtual_dataset("alpha", layout)


def external_storage(path):
    secret = path.with_name("secret.bin")
    secret.write_bytes(np.ones(120).tobytes())
    posterior(path)
    with h5py.File(path, "r+") as file:
        del file["posterior/alpha"]
        where = [(str(secret), 0, h5py.h5f.UNLIMITED)]
        file["posterior"].create_dataset("alpha", (2, 60), "f8", external=where)


def huge(path):
    posterior(path)
    with h5py.File(path, "r+") as file:
        del file["posterior/alpha"]
        file["posterior"].create_dataset("alpha", (2, 10**8), "f8", chunks=(1, 1000))


def many_long_texts(path):
    posterior(path)
    with h5py.File(path, "r+") as file:
        texts = file["posterior"].create_dataset("names", 100, h5py.string_dtype())
        texts[:] = ["x" * 200_000] * 100


def damaged(path):
    posterior(path)
    content = bytearray(path.read_bytes())
    content[100:] = bytes(len(content) - 100)
    path.write_bytes(content)


def pipe(path):
    os.mkfifo(path)


KINDS = {
    external_link: "leads elsewhere",
    soft_link: "leads elsewhere",
    virtual: "another file",
    external_storage: "another file",
    huge: "declares 1.6 GB",
    many_long_texts: "more text",
    damaged: "is damaged",
    pipe: "not a regular file",
}


@pytest.mark.parametrize(("make", "why"), KINDS.items())
def test_what_is_not_what_it_seems_is_refused(tmp_path, make, why):
    path = tmp_path / "fit.nc"
    make(path)
    with pytest.raises(netcdf.NetcdfError, match=why):
        netcdf.read(path, ("posterior", None))
    (tmp_path / "plan.toml").write_text(PLAN)
    with pytest.raises(ScenarioError, match=f"fit.nc has no group 'posterior'.*{why}"):
        load(tmp_path / "plan.toml")
    # As a result, a group that is not loaded may be of any size.
    with pytest.raises(InputError, match=r"fit\.nc"):
        load_result(path)


def test_what_is_what_it_seems_is_read(tmp_path):
    posterior(tmp_path / "fit.nc")
    with h5py.File(tmp_path / "fit.nc", "r+") as file:
        # Another group, which nobody loads.
        file.create_group("prior").create_dataset("x", (2, 10**8), "f8", chunks=(1, 1000))
    (tmp_path / "plan.toml").write_text(PLAN)
    plan = load(tmp_path / "plan.toml")
    assert len(plan.baseline.segments["a"].posterior[0].draws) == 120
    assert set(plan.sources) == {tmp_path / "plan.toml", tmp_path / "fit.nc"}


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        load_result(tmp_path / "x.nc")
