"""What people write, and what they are told: kinds, not single inputs."""

import textwrap

import pytest

from clvsim.errors import ScenarioError
from clvsim.scenario.habits import has_decimal_commas, value_cure
from clvsim.scenario.load import load
from clvsim.scenario.notation import date_cure, number_of
from clvsim.scenario.toml import read

GOOD = """
[time]
periods = 12
[segments.a]
churn = 0.05
spend = 20.0
[channels.web]
spend = 100.0
reach = { kind = "linear", cost_per_prospect = 1.0 }
conversion = 0.1
segments = { a = 1.0 }
"""


@pytest.mark.parametrize(
    ("line", "message", "allowed"),
    [
        ("[segments.jóvenes]", "'jóvenes' has an accented letter (ó)", '[segments."jóvenes"]'),
        ("[segments.Größe]", "has an accented letter (ö)", '[segments."Größe"]'),
        ("[segments.клиенты]", "has a letter (к) beyond a to z", '[segments."клиенты"]'),
        ("[variants.half price]", "'half price' has a space", '[variants."half price"]'),
        ("[offers.50%]", "'50%' has the sign %", '[offers."50%"]'),
        ("[segments.“members”]", "slanted quotation marks", '[segments."members"]'),
        ("[segments.a", "the bracket is not closed", "[segments.a]"),
        ("segments = { jóvenes = 0.3, old = 0.7 }", "accented letter (ó)", '"jóvenes" = …'),
        ("segments = { half price = 1.0 }", "'half price' has a space", '"half price" = …'),
        ("señores = 3", "accented letter (ñ)", '"señores" = …'),
        ("churn = 0,035", "decimal comma", "write the decimal with a point: 0.035"),
        ("reach = { cost_per_prospect = 0,40 }", "decimal comma", "with a point: 0.40"),
        ("discount = [0,5; 0,25]", "decimal comma", "with a point: 0.5"),
        ("discount = [0.5; 0.25]", "not a semicolon", "discount = [0.5, 0.25]"),
        ("spend = 20,000", "has a comma", "20000 without a thousands separator, or 20.000"),
        ("spend = 1.234,56", "thousands separators", "1234.56"),
        ("spend = 1,234.56", "thousands separators", "1234.56"),
        ("spend = 1.200.000", "thousands separators", "1200000, or 1_200_000"),
        ("spend = 120'000", "thousands separators", "120000, or 120_000"),
        ("spend = 20 000", "thousands separators", "20000, or 20_000"),
        ("churn = 3.5%", "percent sign", "a share: 3.5% is written 0.035"),
        ("churn = 3,5 %", "percent sign", "is written 0.035"),
        ("discount = [10%, 20%]", "10% has a percent sign", "10% is written 0.1"),
        ("segments = { a = 30%, b = 70% }", "percent sign", "30% is written 0.3"),
        ("shares = 30/50/20", "shares in per cent", "adding up to 1: 0.3, 0.5, 0.2"),
        ("churn = 1/15", "a fraction", "0.0666667"),
        ("spend = €18", "currency sign", "18: no currency sign"),
        ("spend = 18 €", "currency sign", "18: no currency sign"),
        ("spend = £1,200", "currency sign", "1200: no currency sign"),
        ("spend = ¥500", "currency sign", "500: no currency sign"),
        ("spend = CHF 18", "currency sign", "18: no currency sign"),
        ("spend = 20k", "not written out", "20000"),
        ("spend = 1.5 Mio", "not written out", "1500000"),
        ("spend = 012", "begins with a zero", "12"),
        ("churn = .05", "beside the point", "0.05"),
        ("spend = 20*12", "is a sum", "sums are not worked out"),
        ("currency = EUR", "EUR is text", '"EUR"'),
        ("currency = €", "no value here", '"EUR"'),
        ("kind = linear", "linear is text", '"linear"'),
        ("enabled = yes", "no value here", "true"),
        ("enabled = TRUE", "no value here", "true"),
        ("enabled = Off", "no value here", "false"),
        ("gift = None", "no value here", "leave the key out"),
        ("name = “Plan”", "slanted quotation marks", 'straight quotation marks: "Plan"'),
        ("name = „Plan“", "slanted quotation marks", '"Plan"'),
        ("name = «Plan»", "slanted quotation marks", '"Plan"'),
        ("start = 01/01/2026", "no date here", '"2026-01-01"'),
        ("start = 1/2/2026", "no date", '"2026-02-01" (day first) or "2026-01-02" (month first)'),
        ("start = 2026/01", "no date here", '"2026-01"'),
        ("start = 2026-01", "no date without quotation marks", '"2026-01"'),
        ("start = Jan 2026", "no date here", '"2026-01"'),
        ("first = 15.03.2026", "no date here", '"2026-03-15"'),
        ("churn: 0.05", "stands =, not :", "churn = 0.05"),
        ("churn 0.05", "the sign = is missing", "churn = 0.05"),
        ("churn = 0.05;", "a line ends without a sign", "churn = 0.05"),
        ("// a remark", "a remark begins with #", "#"),
    ],
)
def test_what_is_no_toml(line, message, allowed, tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(f"x = 1 # churn = 0,5\n{line}\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        read(file)
    (fault,) = caught.value.faults
    assert fault.line == 2
    assert message in fault.message
    assert allowed in fault.allowed


@pytest.mark.parametrize(
    "line", ['name = "€18, 3,5 % “x”"', "x = 1_000 # 3,5 %", 'x = ["0,5", "1/2/2026"]', "x = 0.035"]
)
def test_what_is_toml_is_left_alone(line, tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(f"{line}\n", encoding="utf-8")
    assert read(file).data


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("churn = 0.05", "churn = 35", ["a share: 35 % is written 0.35"]),
        ("churn = 0.05", 'churn = "3.5%"', ["3.5% is written 0.035"]),
        ("churn = 0.05", 'churn = "0,05"', ["with a point: 0.05"]),
        ("conversion = 0.1", "conversion = 10", ["10 % is written 0.1"]),
        ("{ a = 1.0 }", "{ a = 100 }", ["100 % is written 1"]),
        ("{ a = 1.0 }", '"30/50/20"', ["one share a name, adding up to 1: 0.3, 0.5, 0.2"]),
        ("spend = 20.0", 'spend = "€18"', ["18: no currency sign"]),
        ("spend = 20.0", 'spend = "18"', ["without quotation marks: 18"]),
        ("periods = 12", 'periods = 12\nstart = "Jan 2026"', ["a date like 2026-01", '"2026-01"']),
        ("periods = 12", 'periods = 12\nstart = "1.2.2026"', ['"2026-02-01" (day first)']),
        ("[segments.a]", '[money]\ncurrency = "eur"\n[segments.a]', ["three capital", '"EUR"']),
        ("[segments.a]", '[money]\ncurrency = "£"\n[segments.a]', ["three capital", '"GBP"']),
        ("[segments.a]", "[money]\ndiscount_rate = 12\n[segments.a]", ["12 % is written 0.12"]),
        ("[channels.web]", "[variant.x]\na = 1\n[channels.web]", ["did you mean 'variants'?"]),
        ("[time]", 'extend = "x"\n[time]', ["did you mean 'extends'?", "variants, extends"]),
        (
            'reach = { kind = "linear", cost_per_prospect = 1.0 }\n',
            "",
            ["is missing", 'reach = { kind = "linear", cost_per_prospect = 40.0 }'],
        ),
        ("[time]", "[offers.o]\ndiscount = [0,5, 0,25]\n[time]", ["0,5 is two numbers, 0.5 is"]),
        (
            "[time]",
            '[cohorts.c]\nsegment = "a"\ncustomers = 10.000\n[time]',
            ["10000, if 10.000 has a thousands separator"],
        ),
        (
            "[time]",
            '[cohorts.c]\nsegment = "a"\ncustomers = 1\njoins = "3/2026"\n[time]',
            ['"2026-03"'],
        ),
        ("[time]", "[segments.v2.0]\nchurn = 0.1\nspend = 2.0\n[time]", ['marks: "v2.0"']),
        ("0.05", "{ survivors = [1.000, 0.9, 0.8] }", ["or is 1.000 one thousand? Write 1000"]),
        ("0.05", "{ survivors = [1.000, 931, 845] }", ["if 1.000 is 1000, write that"]),
    ],
)
def test_values_that_mean_another(old, new, words, tmp_path):
    assert old in GOOD
    file = tmp_path / "plan.toml"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(file)
    for word in words:
        assert word in str(caught.value)


def test_a_name_with_a_dot_is_the_only_fault(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(f"{GOOD}[segments.v2.0]\nchurn = 0.1\nspend = 2.0\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert [fault.path for fault in caught.value.faults] == ["segments.v2.0"]


def test_neither_variants_nor_the_uncertain_are_forgotten_among_keys(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(f"zebra = 1\n{GOOD}", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(file)
    keys = caught.value.faults[0].allowed.split(", ")
    assert {"variants", "extends", "segments"} <= {*keys}
    assert "uncertain" not in keys


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0,035", 0.035),
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("1,234", 1234.0),
        ("12,5", 12.5),
        ("1.200.000", 1200000.0),
        ("120'000", 120000.0),
        ("20 000", 20000.0),
        ("x", None),
        ("1-2", None),
    ],
)
def test_numbers_of_other_places(text, number):
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026/1", '"2026-01"'),
        ("31/12/2026", '"2026-12-31"'),
        ("12/31/2026", '"2026-12-31"'),
        ("March 3rd, 2026", '"2026-03-03"'),
        ("Q3 2026", '"2026-07"'),
        ("31/31/2026", ""),
        ("soon", ""),
    ],
)
def test_dates_of_other_places(text, date):
    assert date_cure(text) == date


def test_right_values_have_no_cure():
    for text in ("0", "0.05", "-3", "1e6", "1_000", "true", "12.50"):
        assert value_cure(text) is None, text


def test_lists_with_decimal_commas():
    assert has_decimal_commas("x = [10,5, 12,5]")
    assert not has_decimal_commas("x = [10, 5, 12, 5]")
    assert not has_decimal_commas("x = [10,5,12,5]")
    assert not has_decimal_commas('x = ["1,5", "2, 5"] # [1,5, 2]')


def test_long_lines_take_no_time(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text("x = [" + "1,5; " * 500_000 + "\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="not TOML"):
        read(file)


def test_no_line_gives_another_error(tmp_path):
    file = tmp_path / "plan.toml"
    signs = ["", "=", "[", "]", "{", '"', "“", "%", "0,5", "é", ".", " ", "#", "€", "'", "1/0"]
    for first in signs:
        for second in signs:
            file.write_text(textwrap.dedent(f"{first}{second}a = {second}{first}\n"), "utf-8")
            try:
                read(file)
            except ScenarioError as error:
                assert error.faults[0].message  # noqa: PT017 - either way is right
