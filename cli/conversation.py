"""A conversation with a model: answers as they come, then where each stands in the documents."""

import importlib
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import click
from openai import OpenAI

from cli import sdk
from cli.api import Api, Json
from cli.connection import Connection
from cli.failures import CommandError
from cli.output import note, printable
from cli.stores import store_id

_MARK = re.compile(r"\[doc(\d+)\]")
_EXCERPT = 100
"""Characters of a passage that are shown with its citation."""


@contextmanager
def conversation(
    api: Api, *, model: str | None, stores: Sequence[str], system: str | None, temperature: float | None
) -> Generator["Conversation"]:
    extra: Json = {} if temperature is None else {"temperature": temperature}
    if stores:
        ids = [store_id(api, store) for store in stores]
        extra["data_sources"] = [{"type": "vector_store", "parameters": {"vector_store_ids": ids}}]
    opening: list[Json] = [{"role": "system", "content": system}] if system else []
    with sdk.client(api.connection) as client:
        yield Conversation(client, api.connection, model or _first_chat_model(api), extra, opening)


@dataclass
class Conversation:
    """`messages` is all that was said; a question that was not answered is not in it."""

    client: OpenAI
    connection: Connection
    model: str
    extra: Json
    messages: list[Json]

    def go_on(self) -> None:
        """Question after question until Ctrl-D. A failure or Ctrl-C ends the answer, not the conversation."""
        with suppress(ImportError):
            importlib.import_module("readline")  # that it is loaded gives `input` line editing and history
        while (question := _next_question()) is not None:
            try:
                self.ask(question)
            except CommandError as error:
                note(f"Error: {error}")
            except KeyboardInterrupt:
                note("\n(stopped)")

    def ask(self, question: str) -> None:
        asked = {"role": "user", "content": question}
        with sdk.failures(self.connection):
            text, context = self._streamed([*self.messages, asked])
        self.messages += [asked, {"role": "assistant", "content": text}]
        _cite(text, context)

    def _streamed(self, messages: list[Json]) -> tuple[str, Json]:
        """Print the answer as it comes; return it, with the context of its choice."""
        sent: Any = messages  # what we keep as JSON is what the package's types spell out
        text, reason = "", None
        context: Json = {}
        with self.client.chat.completions.create(
            model=self.model, messages=sent, stream=True, extra_body=self.extra
        ) as stream:
            for chunk in stream:
                for choice in chunk.choices:
                    context |= (choice.delta.model_extra or {}).get("context", {})
                    text += choice.delta.content or ""
                    reason = choice.finish_reason or reason
                    click.echo(printable(choice.delta.content or ""), nl=False)
        click.echo()
        if reason not in ("stop", None):
            note(f"(The answer ended early: {reason}.)")
        return text, context


def _next_question() -> str | None:
    """None at the end of the input. An empty line is no question."""
    try:
        while not (line := input("> ").strip()):
            pass
    except EOFError:
        click.echo()
        return None
    return line


def _first_chat_model(api: Api) -> str:
    models: list[Json] = api.get("models")["data"]
    chat = next((model["id"] for model in models if model.get("kind") == "chat"), None)
    if chat is None:
        raise CommandError("The server has no chat model.")
    return chat


def _cite(text: str, context: Json) -> None:
    """The passages that the answer marks, by number; where it marks none, those it was given."""
    citations: list[Json] = context.get("citations", [])
    marked = sorted({int(number) for number in _MARK.findall(text)} & {*range(1, len(citations) + 1)})
    if citations and not marked:
        note("(It cites none of the passages that it was given:)")
    for number in marked or range(1, len(citations) + 1):
        click.echo(printable(_cited(number, citations[number - 1])))


def _cited(number: int, citation: Json) -> str:
    first, last = citation["page_start"], citation["page_end"]
    pages = "" if first is None else f"page {first}, " if first == last else f"pages {first}-{last}, "
    where = f"{pages}characters {citation['char_start']}-{citation['char_end']}"
    excerpt = " ".join(citation["content"].split())
    return f"[doc{number}] {citation['filepath']}, {where}: {excerpt[:_EXCERPT]!r}"
