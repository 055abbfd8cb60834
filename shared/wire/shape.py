"""What every shape on the wire is built on."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A pydantic model whose validator is built when it is first needed: a cold start pays for none of the others."""

    model_config = ConfigDict(defer_build=True)
