"""OpenAI's conversations, and the items in them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from shared.wire.metadata import Metadata
from shared.wire.response_items import Item
from shared.wire.shape import Shape

MAX_ITEMS = 20

Include = Literal[
    "file_search_call.results",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
    "message.input_image.image_url",
    "web_search_call.results",
    "web_search_call.action.sources",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
]
"""The first three are left out of items unless they are asked for. Of images the address is always there; of the
others there are no items."""


class ConversationBody(Shape):
    """A conversation to be made, with what is said in it already."""

    model_config = ConfigDict(frozen=True)

    items: Annotated[list[Item], Field(max_length=MAX_ITEMS)] | None = None
    metadata: Metadata | None = None


class ConversationChanges(Shape):
    """Metadata in the place of what a conversation has; null for none."""

    model_config = ConfigDict(frozen=True)

    metadata: Metadata | None


class ConversationObject(Shape):
    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: dict[str, str] = Field(default_factory=dict[str, str])


class ItemsBody(Shape):
    """Items to be added, in this order."""

    model_config = ConfigDict(frozen=True)

    items: Annotated[list[Item], Field(min_length=1, max_length=MAX_ITEMS)]


class ItemObject(RootModel[Item]):
    """One item: whichever of them it is."""

    model_config = ConfigDict(defer_build=True)


class ItemQuery(Shape):
    model_config = ConfigDict(frozen=True)

    include: list[Include] = Field(default_factory=list[Include])


class ItemsQuery(ItemQuery):
    """A page of items; `after` is the id of one, exclusive, which may have been deleted since."""

    limit: int = Field(default=20, ge=1, le=100)
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None
