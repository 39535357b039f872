"""Choices that a later version may have: refused by name, and marked in the schema."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ValidationError

from its_eval.config.settings import NotYet


class Choices(BaseModel):
    colour: Annotated[Literal["red", "blue", "green"], NotYet("green")] = "red"
    word: Annotated[str, NotYet("later")] = "now"
    size: Annotated[str, NotYet(among=("small", "large"))] = "small"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"colour": "green"}, "'green' is not available in this version; expected one of red, blue"),
        ({"colour": "blu"}, "'blu' is not known (did you mean 'blue'?); expected one of red, blue"),
        ({"word": "later"}, "'later' is not available in this version; expected another name"),
        ({"size": "lrage"}, "'lrage' is not known (did you mean 'large'?); expected one of small, large"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(ValidationError) as caught:
        Choices.model_validate(given)
    assert [error["msg"] for error in caught.value.errors()] == [message]


def test_what_is_available_passes():
    chosen = Choices.model_validate({"colour": "blue", "word": "soon", "size": "large"})
    assert chosen.model_dump() == {"colour": "blue", "word": "soon", "size": "large"}


def test_the_schema_marks_what_is_refused():
    properties = Choices.model_json_schema()["properties"]
    assert properties["colour"]["x-not-available"] == ["green"]
    assert properties["colour"]["enum"] == ["red", "blue", "green"]
    assert properties["word"]["x-not-available"] == ["later"]
    assert properties["size"]["enum"] == ["small", "large"]
    assert "x-not-available" not in properties["size"]
