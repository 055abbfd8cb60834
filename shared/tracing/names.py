"""The names that spans, metrics, alerts and the workbook have in common.

GenAI's are those of https://opentelemetry.io/docs/specs/semconv/gen-ai/, which no package carries any more.
"""

from typing import Final

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
CONVERSATION: Final = "gen_ai.conversation.id"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 -- no secret
ERROR_TYPE: Final = "error.type"

TENANT: Final = "flightdeck.tenant"
"""On spans, never on metrics: a series for each tenant would be millions."""

DEPLOYMENT: Final = "flightdeck.deployment"
ESTIMATED: Final = "flightdeck.usage.estimated"
OUTCOME: Final = "flightdeck.outcome"
STORE: Final = "flightdeck.vector_store"
DOCUMENT: Final = "flightdeck.document"
PASSAGES: Final = "flightdeck.passages"
CACHE: Final = "flightdeck.cache"

FUNCTION: Final = "faas.invoked_name"
METHOD: Final = "http.request.method"
STATUS: Final = "http.response.status_code"
QUEUE: Final = "messaging.destination.name"
MESSAGE: Final = "messaging.message.id"
ATTEMPT: Final = "messaging.delivery.attempt"

TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105 -- no secret
OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
REQUEST_DURATION: Final = "gen_ai.server.request.duration"
TIME_TO_FIRST_TOKEN: Final = "gen_ai.server.time_to_first_token"  # noqa: S105 -- no secret
TIME_PER_OUTPUT_TOKEN: Final = "gen_ai.server.time_per_output_token"  # noqa: S105 -- no secret
REQUEST_CHARGE: Final = "flightdeck.store.request_charge"
STORE_OPERATION: Final = "db.operation.name"
STORE_CONTAINER: Final = "db.collection.name"
