"""The settings: the only readers of the environment. Only `wiring` loads them."""
