"""The AI gateway: which deployment answers, the relay of its bytes, and what every attempt came to."""
