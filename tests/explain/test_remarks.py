"""Unlikely numbers: each kind is remarked, and what is likely is not."""

import textwrap
from pathlib import Path

import pytest

from clvsim.explain.remarks import remarks, told, written_oddly
from clvsim.scenario.load import load
from clvsim.scenario.toml import read

GOOD = """
[time]
periods = 36
[money]
discount_rate = 0.10
[segments.a]
churn = 0.05
spend = 20.0
cost_share = 0.3
[offers.o]
gift = 10.0
[channels.web]
spend = 500.0
reach = { kind = "linear", cost_per_prospect = 2.0 }
conversion = 0.1
segments = { a = 1.0 }
offer = "o"
[programs.p]
kind = "onboarding"
tenures = 3
hazard = 0.8
[programs.q]
kind = "price_change"
change = 0.05
"""
SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))
#: Shipped on purpose: those who are never profitable.
MEANT = {"segment-retention": 1}


def said(file):
    """All that is remarked on a file's baseline."""
    document = read(file)
    return told(remarks(load(file).baseline), document) + written_oddly(document)


@pytest.fixture
def write(tmp_path):
    def write_file(text):
        file = tmp_path / "plan.toml"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    return write_file


def test_likely_numbers_have_no_remark(write):
    assert said(write(GOOD)) == []


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_shipped_scenarios_have_no_remark_but_those_that_are_meant(path):
    assert len(said(path)) == MEANT.get(path.stem, 0)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("churn = 0.05", "churn = 0.18", 7, ["18 % a month is 91 % a year", "a month's is 1.6 %"]),
        (
            "churn = 0.05",
            'churn = { distribution = "beta", a = 60.0, b = 140.0 }',
            7,
            ["30 % a month is", "If 30 % is a year's figure"],
        ),
        ("churn = 0.05", "churn = 0.0", 7, ["nobody ever leaves"]),
        ("rate = 0.10", "rate = 10.0", 5, ["1,000 % a year", "10 % is written 0.10"]),
        ("rate = 0.10", "rate = 0.008", 5, ["a month's rate, a year's is 10 %"]),
        ("spend = 20.0", "spend = 120.000", 8, ["120.000 is 120", "120,000 is meant"]),
        ("spend = 500.0", "spend = 1.250", 13, ["1.250 is 1.25", "write 1250"]),
        ("cost_share = 0.3", "cost_share = 0.3\ncost_to_serve = 30.0", 6, ["every month loses 16"]),
        ("gift = 10.0", "gift = 500.0", 11, ["more than a customer pays in the first year"]),
        (
            "gift = 10.0",
            'gift = 10.0\nterm = 12\non_leaving = "fee"\ntermination_fee = 50.0',
            14,
            ["costs more to leave than to stay"],
        ),
        ("spend = 500.0", "spend = [900.0, 800.0, 700.0]", 13, ["totals of years"]),
        (
            "spend = 500.0",
            f"spend = {[900.0] * 12}",
            13,
            ["12 amounts for 36 months", "totals of quarters, divide each by 3"],
        ),
        ("rate = 0.10", f"rate = 0.1\nfixed_costs = {[900.0] * 12}", 6, ["totals of quarters"]),
        ("conversion = 0.1", "conversion = 0.7", 15, ["70 % of all prospects join"]),
        ("spend = 500.0", "spend = 0.01", 12, ["about 0.018 customers can be expected"]),
        ("cost_per_prospect = 2.0", "cost_per_prospect = 90.0", 12, ["a joiner costs 910 USD"]),
        ("hazard = 0.8", "hazard = 0.2", 21, ["80 % fewer leave", "20 % fewer is written 0.8"]),
        ("change = 0.05", "change = 5.0", 24, ["rise by 500 %", "5 % is written 0.05"]),
        ("periods = 36", "periods = 1_200", 3, ["1,200 months are 100 years"]),
        ("periods = 36", 'periods = 36\nstart = "0206-01"', 4, ["begins in the year 206"]),
        (
            "[programs.q]",
            '[programs.r]\nkind = "add_on"\nadoption = 0.1\nprice = 99.0\n[programs.q]',
            25,
            ["more than customers pay for all else"],
        ),
        ("spend = 500.0", "spend = [10,5, 12,5]", 13, ["0,5 is two numbers"]),
    ],
)
def test_unlikely_numbers_are_remarked_with_their_line(old, new, line, words, write):
    assert old in GOOD
    file = write(GOOD.replace(old, new, 1))
    found = [remark for remark in said(file) if all(word in remark for word in words)]
    assert len(found) == 1, said(file)
    assert found[0].startswith(f"{file}:{line}: ")


def test_buyers_who_buy_every_day_and_those_who_never_leave(write):
    buyers = GOOD.replace(
        "churn = 0.05", 'relationship = "bg/nbd"\npurchase_rate = 40.0\nchurn = 0.0', 1
    )
    found = " ".join(said(write(buyers)))
    assert "40 a month are 480 purchases a year" in found
    assert "nobody ever leaves" in found
