"""Pydantic's errors as faults: located, in plain words, one for each mistake."""

from datetime import date
from textwrap import dedent
from typing import Annotated, Literal

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    StrictBool,
    StrictInt,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from clvsim.scenario.faults import faults_of
from clvsim.scenario.toml import read, variants


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Beta(Table):
    distribution: Literal["beta"]
    a: float = Field(gt=0)
    b: float = Field(1, gt=0)


class Gamma(Table):
    distribution: Literal["gamma", "erlang"]
    shape: float = Field(gt=0)


class Fixed(Table):
    value: float


class Cash(Table):
    amount: float
    currency: str


class Voucher(Table):
    code: str
    months: int


class Step(Table):
    month: int = Field(ge=1)
    price: float = Field(ge=0)


def kind_of(value):
    return ("fixed" if "value" in value else "spread") if isinstance(value, dict) else "number"


Distribution = Annotated[Beta | Gamma, Field(discriminator="distribution")]
Spread = Annotated[
    Annotated[Distribution, Tag("spread")]
    | Annotated[Fixed, Tag("fixed")]
    | Annotated[float, Tag("number")],
    Discriminator(kind_of),
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Steps(RootModel[list[Step]]):
    pass


class Segment(Table):
    churn: Share | Distribution
    spend: Spread = 1.0
    relationship: Literal["contract", "purchase"] = "contract"
    odds: Share | None = None
    opens: date | None = None
    tags: list[str] = []
    weights: Annotated[list[float], Field(min_length=2)] = [1, 1]
    term: StrictInt | Literal["open"] = 1
    pause: StrictBool = False
    steps: Steps = Steps([])
    price: Share | list[Share] = 1.0
    budget: float = Field(0, ge=0, le=1e15)
    reach: int = Field(1, gt=0, le=4_000_000)
    pair: tuple[int, Step] | None = None
    gift: Cash | Voucher | None = None
    code: str = Field("A", pattern="^[A-Z]+$")
    note: str = Field("x", min_length=1)
    size: int = Field(1, alias="customers", lt=10, multiple_of=3)

    @field_validator("note")
    @classmethod
    def no_jargon(cls, note):
        if "synergy" in note:
            message = "the note must be in plain words"
            raise ValueError(message)
        return note


class Scenario(Table):
    horizon: int = Field(12, gt=0)
    segments: dict[Annotated[str, Field(pattern="^[a-z]+$")], Segment] = {}

    @model_validator(mode="after")
    def one_segment(self):
        if len(self.segments) > 1:
            message = "one segment is enough"
            raise ValueError(message)
        return self


def faults_in(document, prefix=(), fields=Scenario):
    data = document.data
    for key in prefix:
        data = data[key]
    with pytest.raises(ValidationError) as caught:
        fields.model_validate(data)
    return faults_of(caught.value, document, prefix, fields=fields)


@pytest.fixture
def faults(tmp_path):
    """Return the faults of a scenario whose one segment, from line 3, is as written."""

    def of(segment):
        path = tmp_path / "a.toml"
        path.write_text(f"horizon = 1\n[segments.m]\n{dedent(segment)}\n", "utf-8")
        return faults_in(read(path))

    return of


def brief(fault):
    return (fault.line, fault.path.removeprefix("segments.m."), fault.message)


KEYS = (
    "churn, spend, relationship, odds, opens, tags, weights, term, pause, steps, price, "
    "budget, reach, pair, gift, code, note, customers"
)


@pytest.mark.parametrize(
    ("segment", "path", "message", "allowed", "hint"),
    [
        ("odds = 1.2", "odds", "must be a number between 0 and 1, not 1.2", "", ""),
        ("odds = '1.2x'", "odds", "must be a number between 0 and 1, not '1.2x'", "", ""),
        ("odds = nan", "odds", "must be a finite number between 0 and 1, not nan", "", ""),
        ("odds = []", "odds", "must be a number between 0 and 1, not an empty list", "", ""),
        ("odss = 1", "odss", "unknown key 'odss'", KEYS, "odds"),
        ("zzz = 1", "zzz", "unknown key 'zzz'", KEYS, ""),
        ("size = 1", "size", "unknown key 'size'", KEYS, ""),
        (
            "relationship = 'contrct'",
            "relationship",
            "must be one of the allowed values, not 'contrct'",
            "contract, purchase",
            "contract",
        ),
        ("opens = 'May'", "opens", "must be a date such as 2026-01-31, not 'May'", "", ""),
        ("tags = 'x'", "tags", "must be a list, not 'x'", "", ""),
        ("tags = ['x', 2]", "tags[1]", "must be text in quotes, not 2", "", ""),
        ("weights = [1]", "weights", "must have at least 2 items, not 1", "", ""),
        ("pair = [1]", "pair", "the list is too short: it is a list of 1 item", "", ""),
        ("pair = [1, { month = 0, price = 1 }]", "pair[1].month",
         "must be a whole number of at least 1, not 0", "", ""),
        ("pause = 1", "pause", "must be true or false, not 1", "", ""),
        ("customers = 1.5", "customers", "must be a whole number below 10, not 1.5", "", ""),
        ("customers = 12", "customers", "must be a whole number below 10, not 12", "", ""),
        ("customers = 4", "customers", "must be a multiple of 3, not 4", "", ""),
        ("code = 'b'", "code", "'b' is not of the form asked for",
         "text that matches ^[A-Z]+$", ""),
        ("budget = -1", "budget", "must be a number between 0 and 1e15, not -1", "", ""),
        ("reach = 0", "reach", "must be a whole number above 0 and at most 4,000,000, not 0", "",
         ""),
        ("note = ''", "note", "must have at least 1 character, not 0", "", ""),
        ("note = 'synergy'", "note", "the note must be in plain words", "", ""),
        ("steps = [{ month = 1, price = -1 }]", "steps[0].price",
         "must be a number of at least 0, not -1", "", ""),
        ("steps = [{ month = 1 }]", "steps[0].price", "is missing", "a number of at least 0", ""),
        ("steps = [{ month = 1, price = 1, x = 1 }]", "steps[0].x", "unknown key 'x'",
         "month, price", ""),
        ("steps = [3]", "steps[0]", "must be a table, not 3", "a table with the keys month, price",
         ""),
    ],
)  # fmt: skip
def test_each_mistake_in_plain_words(faults, segment, path, message, allowed, hint):
    (fault,) = faults(f"churn = 0.1\n{segment}")
    assert brief(fault) == (4, path, message)
    assert (fault.allowed, fault.hint) == (allowed, hint)


@pytest.mark.parametrize(
    ("segment", "path", "message", "allowed", "hint"),
    [
        ("churn = 'x'", "churn", "must be a number between 0 and 1 or a table, not 'x'", "", ""),
        ("churn = 7", "churn", "must be a number between 0 and 1, not 7", "", ""),
        ("churn = { distribution = 'beta', a = 0 }", "churn.a", "must be a number above 0, not 0",
         "", ""),
        ("churn = { distribution = 'beta' }", "churn.a", "is missing", "a number above 0", ""),
        ("churn = { distribution = 'bet', a = 1 }", "churn.distribution",
         "unknown distribution 'bet'", "beta, gamma, erlang", "beta"),
        ("churn = { a = 1 }", "churn", "the key 'distribution' is missing", "beta, gamma, erlang",
         ""),
        ("churn = { distributoin = 'beta' }", "churn", "the key 'distribution' is missing",
         "beta, gamma, erlang", "distribution"),
        ("churn = { distribution = 'erlang', shape = 1, a = 2 }", "churn.a", "unknown key 'a'",
         "distribution, shape", ""),
        ("churn = 0\nspend = { value = 'x' }", "spend.value", "must be a number, not 'x'", "", ""),
        ("churn = 0\nspend = { value = 1, a = 2 }", "spend.a", "unknown key 'a'", "value", ""),
        ("churn = 0\nspend = { distribution = 'beta', a = -1 }", "spend.a",
         "must be a number above 0, not -1", "", ""),
        ("churn = 0\nspend = { distribution = 'weib' }", "spend.distribution",
         "unknown distribution 'weib'", "beta, gamma, erlang", ""),
        ("churn = 0\nspend = [1]", "spend", "must be a number or a table, not a list of 1 item", "",
         ""),
        ("churn = 0\nterm = 'opn'", "term",
         "must be a whole number or one of the allowed values, not 'opn'", "open", "open"),
        ("churn = 0\nprice = [0.5, 2]", "price[1]", "must be a number between 0 and 1, not 2", "",
         ""),
        ("churn = 0\nprice = 'x'", "price", "must be a number between 0 and 1 or a list, not 'x'",
         "", ""),
        ("churn = 0\ngift = { amount = 1, curency = 'EUR' }", "gift.curency",
         "unknown key 'curency'", "amount, currency", "currency"),
        ("churn = 0\ngift = { code = 'A', months = 'x' }", "gift.months",
         "must be a whole number, not 'x'", "", ""),
    ],
)  # fmt: skip
def test_a_union_is_one_mistake_and_its_branches_are_not_named(
    faults, segment, path, message, allowed, hint
):
    (fault,) = faults(segment)
    assert brief(fault)[1:] == (path, message)
    assert (fault.allowed, fault.hint) == (allowed, hint)


def test_a_misspelt_key_is_not_missing_as_well(faults):
    (fault,) = faults("chrun = 0.1")
    assert brief(fault) == (3, "chrun", "unknown key 'chrun'")
    assert fault.hint == "churn"


def test_a_missing_key_stands_at_its_table(faults):
    found = faults("odds = 2\nzzz = 1")
    assert {brief(fault) for fault in found} == {
        (2, "churn", "is missing"),
        (3, "odds", "must be a number between 0 and 1, not 2"),
        (4, "zzz", "unknown key 'zzz'"),
    }
    allowed = next(fault.allowed for fault in found if fault.message == "is missing")
    assert allowed == "a number between 0 and 1 or a table"


def test_the_top_of_a_scenario(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("horizont = 3\n[segment.m]\nchurn = 1\n[segments.M1]\nchurn = 1\n", "utf-8")
    found = faults_in(read(path))
    assert [(f.line, f.path, f.message, f.allowed, f.hint) for f in found] == [
        (4, "segments.M1", "'M1' cannot be a name here", "names that match ^[a-z]+$", ""),
        (1, "horizont", "unknown key 'horizont'", "horizon, segments", "horizon"),
        (2, "segment", "unknown key 'segment'", "horizon, segments", "segments"),
    ]


def test_a_rule_of_the_whole_file_has_no_line(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("[segments.a]\nchurn = 0\n[segments.b]\nchurn = 0\n", "utf-8")
    (fault,) = faults_in(read(path))
    assert (fault.line, fault.path, fault.message) == (None, "", "one segment is enough")


def test_the_prefix_is_where_the_validated_tables_stand(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("[segments.m]\nchurn = 0\nodds = 3\n", "utf-8")
    (fault,) = faults_in(read(path), ("segments", "m"), Segment)
    assert (fault.line, fault.path) == (3, "segments.m.odds")


def test_faults_of_a_variant_over_an_extended_file(tmp_path):
    base, path = tmp_path / "base.toml", tmp_path / "a.toml"
    base.write_text("\n[segments.m]\nchurn = 0.1\nodds = 5\n", "utf-8")
    path.write_text(
        'extends = "base.toml"\n[variants.deep.segments.m]\nchurn = { distribution = "beta" }\n',
        "utf-8",
    )
    found = faults_in(variants(read(path))["deep"])
    assert {(fault.file, fault.line, fault.path) for fault in found} == {
        (str(path), 3, "variants.deep.segments.m.churn.a"),
        (str(base), 4, "segments.m.odds"),
    }


def test_long_text_is_not_repeated_in_full(faults):
    (fault,) = faults(f"churn = 0.1\nodds = '{'x' * 500}'")
    assert len(str(fault.message)) < 100
