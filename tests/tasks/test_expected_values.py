"""Every type of pydantic's errors has plain words, its own wording only where we know none."""

from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from tasks.expected_values import mistake_in_words


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (int, "many", "a whole number is expected"),
        (int, 1.5, "a whole number is expected"),
        (int, "9" * 5000, "a whole number of fewer digits is expected"),
        (float, "much", "a number is expected"),
        (Annotated[float, Field(allow_inf_nan=False)], float("nan"), "a number that is not infinite is expected"),
        (bool, "maybe", "true or false is expected"),
        (str, 5, "a text is expected"),
        (Path, 5, "a path is expected"),
        (dict[str, int], 5, "a table of settings is expected"),
        (tuple[str, ...], "a", "a list in brackets is expected"),
        (Annotated[int, Field(ge=1024)], 1, "1,024 or more is expected"),
        (Annotated[float, Field(gt=0)], 0, "a number above 0 is expected"),
        (Annotated[float, Field(lt=0.5)], 1, "a number below 0.5 is expected"),
        (Annotated[int, Field(le=9)], 10, "9 or less is expected"),
        (Annotated[list[int], Field(min_length=2)], [1], "a list of 2 or more is expected"),
        (Annotated[str, Field(max_length=2)], "abc", "a text of 2 characters or fewer is expected"),
        (Annotated[str, Field(pattern="a+")], "b", "a text of the form a+ is expected"),
        (Literal["llama"], "x", "'llama' is expected"),
        (Literal["gpt2", "llama"], "lama", "one of 'gpt2' or 'llama' is expected; did you mean 'llama'?"),
        (Colour, "blu", "one of 'red' or 'blue' is expected; did you mean 'blue'?"),
        (Decimal, "much", "decimal is expected"),
    ],
)
def test_a_refused_value_is_answered_with_what_is_expected(annotation: Any, value: Any, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(annotation).validate_python(value)
    said = mistake_in_words(refused.value.errors()[0])
    assert words in said and "Input should" not in said and "parse" not in said
