"""`chat`: one question, or a conversation in the terminal; with `--store`, answers from documents, with citations."""

import sys

import click

from cli.api import Api
from cli.output import note


@click.command()
@click.argument("question", nargs=-1)
@click.option("--model", metavar="NAME", help="Default: the first chat model.")
@click.option("--store", "stores", multiple=True, metavar="STORE", help="Answer from its documents. Repeatable.")
@click.option("--system", metavar="TEXT", help="What the model is told to be.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 lets the cache answer again.")
@click.pass_obj
def chat(
    api: Api,
    question: tuple[str, ...],
    model: str | None,
    stores: tuple[str, ...],
    system: str | None,
    temperature: float | None,
) -> None:
    """Ask a model, once or in a conversation.

    QUESTION, else what is piped in, else one question after another until Ctrl-D.
    """
    asked = " ".join(question) if question or sys.stdin.isatty() else sys.stdin.read().strip()
    if not asked and not sys.stdin.isatty():
        raise click.UsageError("There is no question: give one, or pipe one in.")
    from cli.conversation import conversation

    with conversation(api, model=model, stores=stores, system=system, temperature=temperature) as talk:
        if asked:
            talk.ask(asked)
        else:
            note(f"Talking to {talk.model}. Ctrl-C stops an answer, Ctrl-D leaves.")
            talk.go_on()
