"""Saying what is wrong with a body, with the value."""

from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.errors import InvalidRequestError

_objects: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])


def json_of(raw: bytes) -> dict[str, object]:
    """A JSON object with every field it came with. Raise ValidationError for anything else."""
    return _objects.validate_json(raw)


def explain(error: ValidationError) -> str:
    """The first thing that is wrong: `limit: Input should be less than 100 (got 500)`."""
    first = error.errors(include_url=False)[0]
    where = _where(error)
    return f"{where + ': ' if where else ''}{first['msg']} (got {str(first['input'])[:80]!r})"


def parse_body[Body: BaseModel](body_type: type[Body], raw: bytes) -> Body:
    """Raise InvalidRequestError that names the parameter; an absent body counts as an empty object."""
    try:
        return body_type.model_validate_json(raw or b"{}")
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] == "json_invalid":
            raise InvalidRequestError(
                f"We could not parse the JSON body of your request: {explain(error)}.", code="invalid_json"
            ) from error
        raise _refusal(error) from error


def parse_fields[Body: BaseModel](body_type: type[Body], fields: dict[str, object]) -> Body:
    """The same for a query or a form."""
    try:
        return body_type.model_validate(fields)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> InvalidRequestError:
    kind = error.errors(include_url=False)[0]["type"]
    code = {"missing": "missing_required_parameter", "extra_forbidden": "unknown_parameter"}.get(kind)
    return InvalidRequestError(f"Invalid request: {explain(error)}.", param=_where(error) or None, code=code)


def _where(error: ValidationError) -> str:
    return ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
