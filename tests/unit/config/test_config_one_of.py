"""Names of a catalogue in a config: known ones pass, others are refused with the nearest, the schema has all."""

from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from its_eval.catalogue import Catalogue
from its_eval.config.settings import OneOf
from its_eval.scales import Scale

SIZES = Catalogue("a size", {"small": "nowhere:SMALL", "large": "nowhere:LARGE"})


class Choices(BaseModel):
    size: Annotated[str, OneOf(SIZES)] = "small"


def test_a_name_that_is_not_known_is_refused_with_the_nearest():
    with pytest.raises(ValidationError) as caught:
        Choices.model_validate({"size": "lrage"})
    message = "'lrage' is not known (did you mean 'large'?); expected one of small, large"
    assert [error["msg"] for error in caught.value.errors()] == [message]


def test_a_known_name_passes_without_being_loaded():
    assert Choices.model_validate({"size": "large"}).size == "large"


def test_the_schema_lists_the_names():
    assert Choices.model_json_schema()["properties"]["size"]["enum"] == ["small", "large"]


def test_what_is_added_later_is_known():
    with SIZES.adding(Scale("huge")):
        assert Choices.model_validate({"size": "huge"}).size == "huge"
        assert Choices.model_json_schema()["properties"]["size"]["enum"] == ["small", "large", "huge"]
    with pytest.raises(ValidationError):
        Choices.model_validate({"size": "huge"})


def test_a_taken_name_is_refused_and_an_unknown_one_is_a_key_error():
    with pytest.raises(ValueError, match="a size 'small' already"):
        SIZES.add(Scale("small"))
    with pytest.raises(KeyError):
        SIZES["tiny"]
