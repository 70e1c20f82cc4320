"""Loading: what the model refuses, variants against their baseline, and what cannot be read."""

from textwrap import dedent

import pytest

from clvsim.errors import InputError, ScenarioError
from clvsim.scenario.load import load

GOOD = """\
    offer = "intro"
    [time]
    periods = 12
    [money]
    discount_rate = 0.1
    [segments.young]
    churn = 0.1
    spend = 20
    [offers.intro]
    discount = 0.5
    discount_periods = 3
    [channels.search]
    spend = 1000
    reach = { kind = "linear", cost_per_prospect = 2 }
    conversion = 0.05
    segments = { young = 1.0 }
    [programs.calls]
    kind = "retention"
    hazard = 0.8
"""
END = GOOD.count("\n")


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """The faults of a file: the good one with a text replaced, and something at its end."""
    monkeypatch.chdir(tmp_path)

    def of(old="", new="", end=""):
        assert old in GOOD
        text = dedent(GOOD).replace(old, new, 1) + dedent(end)
        (tmp_path / "a.toml").write_text(text, "utf-8")
        try:
            load("a.toml")
        except ScenarioError as error:
            return error.faults
        return ()

    return of


def brief(faults):
    return [(fault.line, fault.path, fault.message) for fault in faults]


def test_the_good_file_and_a_variant(faults, tmp_path):
    assert faults(end="[variants.shallow.offers.intro]\ndiscount = 0.2\n") == ()
    plan = load(tmp_path / "a.toml")
    assert list(plan.scenarios) == ["baseline", "shallow"]
    assert plan.baseline.offers["intro"].discount == 0.5
    assert plan.scenarios["shallow"].offers["intro"].discount == 0.2
    with pytest.raises(InputError, match=r"no variant 'shalow'.*did you mean 'shallow'"):
        plan.choose(["shalow"])


NUMBERS = [
    ("spend = 20", "spend = -20", 8, "segments.young.spend",
     "must be a number between 0 and 1e15, not -20"),
    ("spend = 20", "spend = nan", 8, "segments.young.spend",
     "must be a finite number between 0 and 1e15, not nan"),
    ("spend = 20", "spend = 'a lot'", 8, "segments.young.spend",
     "must be a number between 0 and 1e15 or a table, not 'a lot'"),
    ("spend = 1000", "spend = []", 13, "channels.search.spend",
     "must have at least 1 item, not 0"),
    ("spend = 1000", "spend = [1, -2]", 13, "channels.search.spend[1]",
     "must be a number between 0 and 1e15, not -2"),
    ("discount_rate = 0.1", "discount_rate = 0.1\nfixed_costs = []", 6, "money.fixed_costs",
     "must have at least 1 item, not 0"),
    ("discount_rate = 0.1", "discount_rate = 0\nresidual = 'expected'", 4, "money",
     ("an expected residual value needs a discount_rate of at least 0.000001: without discounting, "
     "customers who never leave would be worth infinitely much")),
    ("discount_rate = 0.1", "discount_rate = 0.1\nfixed_costs_beyond = true", 6,
     "money.fixed_costs_beyond",
     ('needs residual = "expected": costs for ever would be set against customers who end with the '
      "horizon")),
    ("churn = 0.1", "churn = 1.1", 7, "segments.young.churn",
     "must be a number between 0 and 1, not 1.1"),
    ("churn = 0.1", "churn = 0.1\nlift = 1.5", 8, "segments.young.lift",
     "must be a number between -1,000 and 1, not 1.5"),
    ("churn = 0.1",
     "churn = 0.1\ncorrelations = [{ between = ['churn', 'spend'], value = 1 }]", 8,
     "segments.young.correlations[0].value", "must be a number above -1 and below 1, not 1"),
    ("churn = 0.1", "churn = { survivors = [10, 11] }", 7, "segments.young.churn.survivors",
     "must never rise and never be negative: entry 1 is 11 after 10"),
    ("churn = 0.1", "churn = { distribution = 'zipf', a = 1.01 }", 7, "segments.young.churn",
     "SciPy cannot compute the quantiles of 'zipf': it has too many values (it takes a, loc)"),
    ("churn = 0.1", "churn = { distribution = 'beta', a = -1, b = 2 }", 7, "segments.young.churn",
     "the parameters are outside what 'beta' takes (it takes a, b, loc, scale)"),
    ("segments = { young = 1.0 }", "segments = { young = 0.9 }", 16, "channels.search.segments",
     "the shares of segments must add up to 1, not 0.9"),
    ("periods = 12", "periods = 12\nstart = '2026-02-30'", 4, "time.start",
     "must be a date like '2026-01' or '2026-01-15', not '2026-02-30'"),
    ("periods = 12", "periods = 4000\nstart = '9900-01'", 2, "time",
     "the horizon must end before the year 9999 (it starts in 9900-01)"),
    ("hazard = 0.8", "hazard = 0.8\nfirst = '2026-02-30'", 20, "programs.calls.first",
     "there is no such day as 2026-02-30"),
    ("hazard = 0.8", "hazard = 0.8\nfirst = 2026-02-30T00:00:00", 20, "", None),
    ("discount_periods = 3", "discount_periods = 3\nterm = 1.5", 12, "offers.intro.term",
     "must be a whole number between 0 and 4,096, not 1.5"),
    ("discount = 0.5", "discount = []", 10, "offers.intro.discount",
     "must have at least 1 item, not 0"),
    ("[programs.calls]", '[programs." "]', 17, 'programs." "',
     "' ' cannot be a name here: a name must be printable and neither begin nor end with a space"),
    ("[programs.calls]", r'[programs."a\u001Fb"]', 17, r'programs."a\x1fb"',
     (r"'a\x1fb' cannot be a name here: a name must be printable and neither begin nor end with a "
     "space")),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "path", "message"), NUMBERS)
def test_a_single_value(faults, old, new, line, path, message):
    (fault,) = faults(old, new)
    assert (fault.line, fault.path) == (line, path)
    assert message is None or fault.message == message


def test_names_may_not_be_too_long_or_empty(faults):
    (fault,) = faults("[programs.calls]", f"[programs.{'x' * 81}]")
    assert fault.allowed == "names of at most 80 characters"
    (fault,) = faults("[programs.calls]", '[programs.""]')
    assert fault.allowed == "names of at least 1 character"


def test_an_installed_base_joined_after_the_ages_that_can_be_told_apart(faults):
    base = "[installed_base.old]\nsegment = 'young'\ncustomers = 1\ntenure = "
    (fault,) = faults(end=base + "5000")
    assert fault.message == "must be a whole number between 0 and 4,096, not 5000"
    (fault,) = faults(end=f"{base}{[1] * 4098}")
    assert fault.message == "must have at most 4,097 items, not 4098"


@pytest.mark.parametrize("wrote", ["2026-03-15", '"2026-03-15"', '"2026-03"', "2"])
def test_a_date_may_be_written_with_or_without_quotes(faults, tmp_path, wrote):
    assert faults("hazard = 0.8", f"hazard = 0.8\nfirst = {wrote}") == ()
    scenario = load(tmp_path / "a.toml").baseline
    assert scenario.time.calendar.period(scenario.programs["calls"].first) == 2
    assert faults("periods = 12", "periods = 12\nstart = 2026-01-15") == ()


# Variants


def test_a_variant_of_nothing(faults):
    end = """\
        [variants.a]
        [variants.b.programs]
        [variants.c]
        question = "what if?"
    """
    found = faults(end=end)
    assert brief(found) == [
        (END + 1, "variants.a", "the variant changes nothing"),
        (END + 2, "variants.b", "the variant changes nothing"),
        (END + 3, "variants.c", "the variant changes nothing"),
    ]
    assert {fault.allowed for fault in found} == {
        "at least one key with another value than the baseline's"
    }


def test_a_variant_of_what_the_baseline_lacks(faults):
    end = """\
        [variants.a.programs.cals]
        hazard = 0.5
        [variants.b.channels.serach]
        spend = 5
        [variants.c.offers.intor]
        discount = 0.1
        discount_periods = 3
        [variants.d.cohorts.launch]
        customers = 5
        [variants.e.segments.yung]
        churn = 0.1
        spend = 5
    """
    found = faults(end=end)
    assert brief(found) == [
        (END + 1, "variants.a.programs.cals",
         "the baseline has no program 'cals', and one of its own would need kind as well"),
        (END + 3, "variants.b.channels.serach",
         ("the baseline has no channel 'serach', and one of its own would need reach, conversion, "
         "segments as well")),
        (END + 5, "variants.c.offers.intor",
         "the baseline has no offer 'intor', and nothing in the variant uses one of its own"),
        (END + 8, "variants.d.cohorts.launch",
         "the baseline has no cohort 'launch', and one of its own would need segment as well"),
        (END + 10, "variants.e.segments.yung",
         "the baseline has no segment 'yung', and nothing in the variant uses one of its own"),
    ]  # fmt: skip
    assert [fault.hint for fault in found] == ["calls", "search", "intro", "", "young"]
    assert [fault.allowed for fault in found] == [
        "calls", "search", "intro", "none: the baseline has no cohorts", "young",
    ]  # fmt: skip


def test_a_variant_may_bring_tables_of_its_own(faults):
    end = """\
        [variants.a]
        offer = "free"
        [variants.a.offers.free]
        free_periods = 1
        [variants.a.programs.club]
        kind = "loyalty"
        [variants.a.segments.old]
        churn = 0.2
        spend = 5
        [variants.a.cohorts.launch]
        segment = "old"
        customers = 5
    """
    assert faults(end=end) == ()


def test_a_misspelt_key_of_a_table_of_its_own_is_what_is_wrong(faults):
    (fault,) = faults(end="[variants.a.programs.club]\nkidn = 'loyalty'\n")
    assert (fault.message, fault.allowed.split(",")[0], fault.hint) == (
        "the key 'kind' is missing", "add_on", "kind",
    )  # fmt: skip


def test_what_all_variants_have_in_common_cannot_change(faults):
    end = """\
        [variants.a.time]
        periods = 24
        step = "year"
        start = "2027-01"
        [variants.a.money]
        currency = "EUR"
        discount_rate = 0.2
        [variants.a.simulation]
        seed = 7
        worlds = 5
        [variants.b.time]
        periods = 12
        step = "month"
        [variants.b.money]
        discount_rate = 0.2
        [variants.a.programs.calls]
        first = 18
    """
    found = faults(end=end)
    assert brief(found)[:6] == [
        (END + 2, "variants.a.time.periods", ("a variant cannot change time.periods: results of "
         "different periods cannot be compared")),
        (END + 3, "variants.a.time.step", ("a variant cannot change time.step: results of "
         "different periods cannot be compared")),
        (END + 4, "variants.a.time.start", ("a variant cannot change time.start: results of "
         "different periods cannot be compared")),
        (END + 6, "variants.a.money.currency", ("a variant cannot change money.currency: results "
         "in different currencies cannot be compared")),
        (END + 9, "variants.a.simulation.seed", ("a variant cannot change simulation.seed: all "
         "variants meet the same worlds, and the same people in them")),
        (END + 10, "variants.a.simulation.worlds", ("a variant cannot change simulation.worlds: "
         "all variants meet the same worlds, and the same people in them")),
    ]  # fmt: skip
    assert [fault.allowed for fault in found[:2]] == [
        "12, or no such key",
        "'month', or no such key",
    ]
    # The program is judged by the horizon that stays.
    assert brief(found)[6:] == [
        (END + 17, "variants.a.programs.calls.first", "18 lies after the horizon")
    ]


def test_a_fault_of_the_baseline_is_told_once(faults):
    end = """\
        [variants.a.offers.intro]
        gift = 5
        [variants.b.channels.search]
        spend = 5
        [variants.c.programs.calls]
        hazard = 0.7
        [variants.d.channels.search.segments]
        old = 0.0
    """
    found = faults("discount_periods = 3", "", end)
    assert brief(found) == [
        (9, "offers.intro", ("a discount needs discount_periods (how long it lasts), or a list by "
         "tenure like discount = [0.5, 0.5, 0.25]")),
        (END + 8, "variants.d.channels.search.segments.old", "no segment is called 'old'"),
    ]  # fmt: skip
    found = faults("segments = { young = 1.0 }", "segments = { young = 0.8 }", end)
    assert [fault.path for fault in found] == [
        "channels.search.segments",
        "variants.d.channels.search.segments.old",
    ]
    nobody = faults("[channels.search]", "[offers.other]\n[x.search]", end)
    assert sum("nobody ever joins" in fault.message for fault in nobody) <= 1


def test_faults_of_variants_stand_where_the_variant_is_written(faults):
    end = """\
        [variants.a.programs.calls]
        hazard = -1
        sources = ["serch"]
        [variants.b]
        offer = "intor"
    """
    assert brief(faults(end=end)) == [
        (END + 2, "variants.a.programs.calls.hazard",
         "must be a number between 0 and 1,000,000, not -1"),
        (END + 3, "variants.a.programs.calls.sources[0]", "no source is called 'serch'"),
        (END + 5, "variants.b.offer", "no offer is called 'intor'"),
    ]  # fmt: skip


def test_variants_that_are_none_are_told_beside_the_faults_of_the_baseline(faults):
    found = faults("churn = 0.1", "churn = 2", "[variants]\na = 1\n")
    assert [fault.path for fault in found] == ["segments.young.churn", "variants.a"]


def test_a_fault_in_an_extended_file_stands_in_that_file(faults, tmp_path):
    faults("churn = 0.1", "churn = 2")
    (tmp_path / "b.toml").write_text(
        'extends = "a.toml"\n[cohorts.more]\nsegment = "yung"\ncustomers = 5\n', "utf-8"
    )
    with pytest.raises(ScenarioError) as caught:
        load("b.toml")
    assert [(fault.file, fault.line, fault.hint) for fault in caught.value.faults] == [
        ("a.toml", 7, ""),
        ("b.toml", 3, "young"),
    ]


# Files that cannot be read


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the file 'x.toml' does not exist"),
        (b"", "the file is empty"),
        (b"\xff\xfe[\x00t\x00", "not a text file: a zero byte at offset 3"),
        (b"name = '\xe4'", "not UTF-8: byte 0xe4 at offset 8"),
        (b"not toml at all", "not TOML: "),
        (b"[programs.a]\n[programs.a]\n", "two programs of the same name: 'a' is already on"),
    ],
)
def test_a_file_that_is_no_scenario(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        load("x.toml")
    (fault,) = caught.value.faults
    assert fault.message.startswith(message)


def test_a_folder_and_a_hundred_megabytes(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    with (tmp_path / "big.toml").open("wb") as file:
        file.truncate(100_000_000)
    for name, message in (("folder.toml", "is a folder"), ("big.toml", "too large")):
        with pytest.raises(ScenarioError, match=message):
            load(tmp_path / name)
