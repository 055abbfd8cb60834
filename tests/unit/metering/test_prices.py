"""Money is counted in whole millionths of a dollar."""

from decimal import ROUND_HALF_UP, Decimal

import pytest

from shared.metering.prices import cost_microusd
from shared.ports.models import Price


@pytest.mark.parametrize(
    ("tokens", "price_microusd", "cost"), [(1, 499_999, 0), (1, 500_000, 1), (3, 500_000, 2), (0, 10**9, 0)]
)
def test_half_a_millionth_rounds_up(tokens: int, price_microusd: int, cost: int) -> None:
    price = Price(output_microusd=price_microusd)
    assert cost_microusd(price, input_tokens=0, cached_tokens=0, output_tokens=tokens) == cost


def test_cached_tokens_are_part_of_the_input_at_their_own_price() -> None:
    price = Price(input_microusd=2_000_000, cached_microusd=500_000)
    assert cost_microusd(price, input_tokens=100, cached_tokens=80, output_tokens=0) == 40 + 40


def test_more_cached_tokens_than_input_never_earn_money() -> None:
    price = Price(input_microusd=2_000_000, cached_microusd=500_000)
    assert cost_microusd(price, input_tokens=10, cached_tokens=80, output_tokens=0) == 5


@pytest.mark.parametrize("tokens", [10**9 + 1, 123_456_789_012])
def test_sums_no_float_could_hold_are_exact(tokens: int) -> None:
    price = Price(input_microusd=150_001, output_microusd=600_007)
    exact = (Decimal(tokens) * 150_001 + Decimal(tokens) * 600_007) / 1_000_000
    expected = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert cost_microusd(price, input_tokens=tokens, cached_tokens=0, output_tokens=tokens) == expected
