"""OpenAI's error object, which every refusal is."""

from shared.wire.shape import Shape


class ErrorObject(Shape):
    """What was wrong. `code` says it in one word, `param` where."""

    message: str
    type: str
    param: str | None
    code: str | None


class Refusal(Shape):
    error: ErrorObject
