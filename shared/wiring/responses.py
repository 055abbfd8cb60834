"""What responses are made of, over whichever stores, models and searches are given."""

from dataclasses import dataclass

from shared.answers.conversations import Conversations
from shared.answers.responses.attached import AttachedFiles
from shared.answers.responses.background import BackgroundResponses
from shared.answers.responses.creation import ResponseAnswers
from shared.answers.responses.kept import KeptResponses
from shared.answers.responses.rounds import Rounds
from shared.answers.responses.tasks import Tasks
from shared.ports.clock import Clock
from shared.retrieval.files import Files
from shared.wiring.retrieval import Storage
from shared.wiring.stores import Stores


@dataclass(frozen=True, slots=True)
class Responses:
    answers: ResponseAnswers
    background: BackgroundResponses


def open_responses(
    stores: Stores, storage: Storage, rounds: Rounds, conversations: Conversations, files: Files, clock: Clock
) -> Responses:
    kept = KeptResponses(stores.responses, storage.blobs)
    tasks = Tasks(kept, conversations, AttachedFiles(files), clock)
    background = BackgroundResponses(stores.responses, kept, tasks, rounds, storage.queues, storage.blobs, clock)
    return Responses(ResponseAnswers(rounds, tasks, kept, background, clock), background)
