"""docs/costs.md says what the adapter sends today."""

from tests.cosmos import costs


async def test_the_page_on_costs_is_what_the_model_makes_of_todays_requests() -> None:
    assert costs.PAGE.read_text() == await costs.page(), "Run `python -m tests.cosmos.costs`."
