"""What the two local models are called and how much they take; importing it costs nothing."""

CHAT = "smollm2-135m"
CONTEXT_TOKENS = 4096  # of each answer
EMBEDDING = "all-minilm-l6-v2"
DIMENSIONS = 384
LANGUAGES = ("en",)  # what it was trained on: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
MAX_TOKENS = 512  # the model has 512 positions; it was trained on 256, and what is cut away is not seen at all
