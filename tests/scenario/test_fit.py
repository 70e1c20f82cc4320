"""The section that says where a segment's numbers come from: what it takes and what it refuses."""

from textwrap import dedent

import pytest

from clvsim.errors import ScenarioError
from clvsim.scenario.load import load

GOOD = """\
    [time]
    periods = 12
    [segments.young]
    churn = { distribution = "beta", a = 0.7, b = 1.2 }
    spend = 20
    [segments.young.fit]
    model = "sbg"
    data = "telco.csv"
    customers = 3875
    log_likelihood = -7679.2
    aic = 15362.4
    parameters = ["churn.a", "churn.b"]
    covariance = [[0.04, 0.01], [0.01, 0.09]]
    notes = ["fine"]
    [cohorts.new]
    segment = "young"
    customers = 10
"""


@pytest.fixture
def read(tmp_path):
    def of(old="", new=""):
        assert old in GOOD
        path = tmp_path / "a.toml"
        path.write_text(dedent(GOOD.replace(old, new, 1)), "utf-8")
        return load(path).baseline.segments["young"].fit

    return of


def test_a_fit_is_read(read):
    fit = read()
    assert fit.parameters == ("churn.a", "churn.b")
    assert fit.covariance == ((0.04, 0.01), (0.01, 0.09))
    assert fit.notes == ("fine",)
    assert read("covariance = [[0.04, 0.01], [0.01, 0.09]]", "covariance = [[1, 1], [1, 1]]")
    assert read("[0.01, 0.09]]", "[0.010000000001, 0.09]]")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[0.01, 0.09]]", "[0.01]]", "must be square: it has 2 rows, but row 1 has 1 numbers"),
        ("[0.01, 0.09]]", "[0.02, 0.09]]", "must be symmetric: row 0, column 1 is 0.01"),
        ("[[0.04, 0.01], [0.01,", "[[0.04, 0.07], [0.07,", "must be positive semi-definite"),
        ("[[0.04, 0.01], [0.01, 0.09]]", "[[0.04]]", "1 rows for 2 parameters (churn.a, churn.b)"),
        ('"churn.b"]', '"churn.a"]', "names churn.a more than once"),
        ('"churn.b"]', '"churn b"]', "parameters"),
        ("customers = 3875", "customers = -1", "customers"),
        ("aic =", "aci =", "did you mean 'aic'?"),
        ('model = "sbg"', "", "model"),
        ("0.09]]", "nan]]", "covariance"),
    ],
)
def test_faults_of_a_fit(read, old, new, words):
    with pytest.raises(ScenarioError) as caught:
        read(old, new)
    assert words in str(caught.value)
    assert "segments.young.fit" in str(caught.value)
