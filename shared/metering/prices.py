"""What tokens cost, in integers: sums of rounded floats would not add up."""

from shared.ports.models import Price

_PRICED_TOKENS = 1_000_000


def cost_microusd(price: Price, *, input_tokens: int, cached_tokens: int, output_tokens: int) -> int:
    """Rounded half up to a millionth of a dollar. Cached tokens are part of the input, at their own price."""
    cached = min(cached_tokens, input_tokens)
    total = (
        (input_tokens - cached) * price.input_microusd
        + cached * price.cached_microusd
        + output_tokens * price.output_microusd
    )
    return (total + _PRICED_TOKENS // 2) // _PRICED_TOKENS
