"""The sixteen pairs that OpenAI's objects carry for whoever made them."""

from typing import Annotated

from pydantic import Field, StringConstraints

type Name64 = Annotated[str, StringConstraints(min_length=1, max_length=64)]
type Text512 = Annotated[str, StringConstraints(max_length=512)]
type Metadata = Annotated[dict[Name64, Text512], Field(max_length=16)]
