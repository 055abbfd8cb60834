"""A change of the embedding model, in the background. Registered only while the settings name a next one."""

import logging

import azure.functions as func

from shared import wiring

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.timer_trigger(arg_name="timer", schedule="*/10 * * * * *")
async def migrate_embeddings(timer: func.TimerRequest) -> None:
    """Carries documents into the next index, for a minute at most; the next run goes on from there."""
    log.info("migrating past_due=%s", timer.past_due)
    migration = (await wiring.platform()).migration
    if migration is not None:
        await migration.run()
