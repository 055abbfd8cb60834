"""OpenAI's responses: rounds of a model and its searches, kept, continued, streamed and run in the background."""
