"""OpenAI's own package, as any client has it. It takes over a second to load: only chat and uploads do."""

from collections.abc import Generator
from contextlib import contextmanager

import openai

from cli.api import TIMEOUT_S, object_of, refusal, unreachable
from cli.connection import Connection
from cli.failures import CommandError, UnreachableError

_UPLOAD_TIMEOUT_S = 300
"""For one piece on a slow line."""


def client(connection: Connection) -> openai.OpenAI:
    return openai.OpenAI(base_url=connection.api, api_key=connection.secret, timeout=TIMEOUT_S)


def async_client(connection: Connection) -> openai.AsyncOpenAI:
    """For uploads, which are many and may wait."""
    return openai.AsyncOpenAI(
        base_url=connection.api, api_key=connection.secret, timeout=_UPLOAD_TIMEOUT_S, max_retries=5
    )


def said(error: openai.APIError) -> str:
    """The server's own words."""
    return str(object_of(error.body).get("message") or error.message)


@contextmanager
def failures(connection: Connection) -> Generator[None]:
    """The package's exceptions as ours."""
    try:
        yield
    except openai.APIStatusError as error:
        raise refusal(error.status_code, {"error": error.body}, error.response.headers, connection) from error
    except openai.APITimeoutError as error:
        raise UnreachableError(f"{connection.url} did not answer within {TIMEOUT_S} s.") from error
    except openai.APIConnectionError as error:
        raise UnreachableError(unreachable(connection, error.__cause__ or error)) from error
    except openai.APIError as error:  # what a stream says in its midst
        raise CommandError(error.message) from error
