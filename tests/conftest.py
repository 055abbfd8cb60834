"""What holds for all tests: long runs are only for those who ask for them."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make soak` asks with `-m soak`."""
    long = [item for item in items if item.get_closest_marker("soak")]
    if "soak" not in config.option.markexpr and long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
