"""Routes of what changed of the values of lists."""

from typing import Literal

from fastapi import APIRouter

from services.pipeline.handlers.pipeline_lists import PIPELINE_LISTS
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.history.api import Histories, HistoryChange, HistoryEntry


class PipelineListEntry(HistoryEntry):
    """One change of a value: who (null: not known, or Suhde itself), when, and what of it."""

    what: Literal["created", "changed"]
    changes: list[HistoryChange]


def list_history_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes of the histories of all lists."""
    router = APIRouter(prefix="/v1", tags=["history"])
    Histories(units, PipelineListEntry).add_values_of(PIPELINE_LISTS, router)
    return router
