"""Random histories: what people do to the blobs, what the queue does to events, and where workers die.

A history is a list of turns, not a state machine of hypothesis's: that one leaves most rules out of most of its runs,
so that few of them hold uploads, deliveries and deaths together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from hypothesis import strategies as st

from tests.convergence.harness import Harness

_PORTS = {
    "documents": ("get", "create", "replace"),
    "chunks": ("put", "publish", "retire", "sweep"),
    "blobs": ("head", "download"),
    "cache": ("get", "put"),
    "queues": ("put",),
    "stores": ("get", "create"),
    "folders": ("get", "create"),
    "files": ("get", "create"),
}
FAILPOINTS = tuple(
    (f"{port}.{method}", after) for port, methods in _PORTS.items() for method in methods for after in (False, True)
)
"""Before and after every call that indexing makes of a port."""

type Act = Callable[[Harness], None]


@dataclass(frozen=True)
class Upload:
    """Create, overwrite, grow, shrink or re-create; the first paragraphs may be those of other editions. What has more
    than three is indexed in parts."""

    path: str
    length: int
    shared: int

    def __call__(self, harness: Harness) -> None:
        edition = harness.editions + 1
        kept = [
            f"Paragraph {number} is the same in every edition.\n" for number in range(min(self.shared, self.length))
        ]
        own = [f"Paragraph {number} of edition {edition}.\n" for number in range(len(kept), self.length + 1)]
        harness.upload(self.path, "\n".join(["# Handbook\n", *kept, *own]))


@dataclass(frozen=True)
class Remove:
    path: str

    def __call__(self, harness: Harness) -> None:
        harness.remove(self.path)


@dataclass(frozen=True)
class Deliver:
    """One of the messages that wait, in no order; perhaps to a worker that dies at a failpoint, if it gets there."""

    which: int
    at: tuple[str, bool] | None
    count: int

    def __call__(self, harness: Harness) -> None:
        failpoint = {} if self.at is None else {"at": self.at[0], "after": self.at[1], "count": self.count}
        harness.deliver(self.which, failpoint)


@dataclass(frozen=True)
class Duplicate:
    which: int

    def __call__(self, harness: Harness) -> None:
        harness.duplicate(self.which)


@dataclass(frozen=True)
class Lose:
    which: int

    def __call__(self, harness: Harness) -> None:
        harness.lose(self.which)


@dataclass(frozen=True)
class PassTime:
    def __call__(self, harness: Harness) -> None:
        harness.pass_time()


_PATHS = st.sampled_from(["a.txt", "b.txt", "deep/c.txt"])
_WHICH = st.integers(min_value=0, max_value=7)
_UPLOADS = st.builds(Upload, _PATHS, st.integers(min_value=1, max_value=8), st.integers(min_value=0, max_value=8))
_DELIVERIES = st.builds(Deliver, _WHICH, st.none(), st.just(1))
_DEATHS = st.builds(Deliver, _WHICH, st.sampled_from(FAILPOINTS), st.sampled_from([1, 1, 2]))
_FAULTS = st.builds(Duplicate, _WHICH) | st.builds(Lose, _WHICH) | st.builds(PassTime)
_TURNS = st.tuples(_UPLOADS, _DELIVERIES, _DEATHS, _FAULTS | st.builds(Remove, _PATHS), _DEATHS, _DELIVERIES)
"""Some of each, so that no history is all of one kind; what comes first is left to the queue, which has no order."""

HISTORIES: st.SearchStrategy[Sequence[tuple[Act, ...]]] = st.lists(_TURNS, min_size=3, max_size=10)


def play(turns: Sequence[Sequence[Act]], harness: Harness) -> None:
    """All of it, a reader looking after each act; then quiet, and the end is compared."""
    for act in chain.from_iterable(turns):
        act(harness)
        harness.check_reader()
    harness.settle()
    harness.check_reader()
    harness.check_end()
