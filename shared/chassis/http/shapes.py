"""What the bodies of requests are made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def storable(value: str) -> str:
    """Refuse text that the database cannot hold."""
    if "\x00" in value:
        raise ValueError("holds a NUL character; remove it")
    return value


Name = Annotated[str, Field(max_length=200), AfterValidator(storable)]
Required = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(storable),
]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Input(BaseModel):
    """Base of request bodies: what is not known is refused."""

    model_config = ConfigDict(extra="forbid")
