"""What keys mean: every key of the model, its example, and near words."""

import tomllib

import pytest
from pydantic import create_model

from clvsim.errors import InputError
from clvsim.explain.keys import all_keys, key_parts, keys_at
from clvsim.fields import Section

KEYS = all_keys()


def test_all_keys_of_the_model_are_there():
    paths = {".".join(key.path) for key in KEYS}
    assert {
        "name", "time.periods", "money.discount_rate", "offers.NAME.discount",
        "segments.NAME.churn", "segments.NAME.churn.survivors", "segments.NAME.transitions",
        "channels.NAME.reach.half", "channels.NAME.spend.from", "programs.NAME.hazard",
        "programs.NAME.value.at_least", "shocks.NAME.persistence", "segments.NAME.fit.model",
        "segments.NAME.correlations.between",
    } <= paths  # fmt: skip
    assert "uncertain" not in paths


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{'.'.join(key.path)}-{key.kind}")
def test_every_key_has_a_meaning_and_an_example_that_is_right(key):
    assert key.meaning
    if not key.example or key.path[-1] in {"kind", "relationship"}:
        return
    data = tomllib.loads(key.example)
    for part in key.path:
        data = data[part]
    if not key.inside:
        one = create_model("One", __base__=Section, it=(key.field.rebuild_annotation(), ...))
        one.model_validate({"it": data})


@pytest.mark.parametrize(
    ("wrote", "paths"),
    [
        ("offers.discount", {"offers.NAME.discount"}),
        ("offers.half.discount", {"offers.NAME.discount"}),
        ("variants.deep.offers.half.discount", {"offers.NAME.discount"}),
        ("discount_rate", {"money.discount_rate"}),
        ("channels.spend", {"channels.NAME.spend"}),
        ("channels.reach.slope", {"channels.NAME.reach.slope"}),
        ("channels.web.reach.slope", {"channels.NAME.reach.slope"}),
        ("installed_base.tenure", {"installed_base.NAME.tenure"}),
    ],
)
def test_a_path_with_or_without_names(wrote, paths):
    assert {".".join(key.path) for key in keys_at(wrote)} == paths


def test_kinds_tell_keys_of_one_name_apart():
    assert {key.kind for key in keys_at("programs.hazard")} >= {"retention", "loyalty"}
    assert {key.kind for key in keys_at("programs.retention.hazard")} == {"retention"}
    assert {key.kind for key in keys_at("segments.bg/nbd.churn")} == {"bg/nbd"}
    assert {key.kind for key in keys_at("channels.reach.rate")} == {"saturating"}
    assert {key.path[-1] for key in keys_at("programs.retention")} >= {"share", "acceptance"}


def test_what_is_told_of_a_key():
    (part,) = key_parts(keys_at("offers.discount"))
    assert part.title == "offers.NAME.discount"
    text = "\n".join(part.lines)
    assert "Share of the price let off" in text
    assert "Allowed: a number between 0 and 1 or a list of numbers between 0 and 1" in text
    assert "Unit: a share: 0.25 is 25 %" in text
    assert "Default: 0" in text
    assert "discount = 0.25" in text
    (part,) = key_parts(keys_at("time.periods"))
    assert "Default: none, it must be given" in part.lines
    (part,) = key_parts(keys_at("money"))
    assert any(line.startswith("Keys: currency, discount_rate") for line in part.lines)


@pytest.mark.parametrize(
    ("wrote", "near"),
    [
        ("offers.discont", "offers.discount"),
        ("offer.discount", "offers.discount"),
        ("segmets.home.churn", "segments.churn"),
        ("disount_rate", "money.discount_rate"),
        ("", ""),
        ("..", ""),
        ("offers.a.b.c.d", ""),
    ],
)
def test_near_keys_on_a_fault(wrote, near):
    with pytest.raises(InputError) as caught:
        keys_at(wrote)
    assert (f"did you mean {near!r}?" in str(caught.value)) == bool(near)
    assert "keys begin with name, question, time" in str(caught.value)
