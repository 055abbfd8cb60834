"""Somebody who signed in with Entra ID, and so has no key: by OpenAI's client, with his token for one."""

import time

import openai
import pytest

from tests.scenarios.deck import Deck


async def test_a_token_of_entra_takes_the_place_of_a_key(deck: Deck) -> None:
    ann = deck.client().with_options(api_key=deck.entra.token())
    answer = await ann.chat.completions.create(model="chat", messages=[{"role": "user", "content": "hi"}])
    assert answer.choices
    theirs = await deck.client("acme").vector_stores.create(name="of acme")
    assert (await ann.vector_stores.retrieve(theirs.id)).name == "of acme"
    others = await deck.client("other").vector_stores.create(name="of another tenant")
    with pytest.raises(openai.NotFoundError):
        await ann.vector_stores.retrieve(others.id)


async def test_an_expired_token_is_refused_as_openai_refuses_a_key(deck: Deck) -> None:
    ann = deck.client().with_options(api_key=deck.entra.token(exp=int(time.time()) - 120))
    with pytest.raises(openai.AuthenticationError, match="expired") as refused:
        await ann.models.list()
    assert (refused.value.status_code, refused.value.code) == (401, "invalid_api_key")
    assert refused.value.type == "invalid_request_error"


async def test_a_token_whose_roles_allow_too_little_says_what_is_missing(deck: Deck) -> None:
    ann = deck.client().with_options(api_key=deck.entra.token(roles=[], scp="openid"))
    with pytest.raises(openai.PermissionDeniedError, match="Missing scopes: models") as refused:
        await ann.models.list()
    assert refused.value.code == "missing_scope"
