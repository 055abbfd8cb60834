"""`Idempotency-Key`: which requests it is honoured for."""

KEY = "idempotency-key"

OPERATIONS = frozenset(
    (
        "create_file",
        "create_upload",
        "add_upload_part",
        "create_vector_store",
        "create_vector_store_file",
        "create_vector_store_file_batch",
        "create_conversation",
        "create_conversation_items",
        "create_chat_completion",
        "create_chat_completion_azure",
        "create_response",
        "create_response_azure",
    )
)
"""What makes or costs something each time it is asked; but nothing that tells a secret, which is kept nowhere."""
