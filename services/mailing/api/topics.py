"""Routes of topics."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mailing.api.shapes import Name, TopicKey
from services.mailing.domain.refusals import TopicExists
from services.mailing.handlers import keep_topics
from shared.chassis.http.description import may_refuse
from shared.chassis.http.paging import Cursor, Limit, Page, page_of, read_cursor
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

Key = Annotated[TopicKey, Path()]


class Titles(Input):
    """What a topic is called; a language that is left out is shown in another."""

    fi: Name | None = None
    sv: Name | None = None
    hu: Name | None = None
    en: Name | None = Field(default=None, examples=["News"])


class TopicBody(Input):
    """A topic that does not exist yet."""

    key: TopicKey = Field(examples=["news"])
    titles: Titles


class TopicChange(Input):
    """Titles of a topic, and whether it is archived: nothing is sent about it then."""

    titles: Titles
    archived: bool = False


class TopicShown(BaseModel):
    """A topic as it stands."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    titles: dict[str, str]
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


def topics_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below /v1/topics."""
    router = APIRouter(prefix="/v1/topics", tags=["topics"])

    @router.get("")
    async def show_all(cursor: Cursor = None, limit: Limit = 50) -> Page[TopicShown]:
        """List topics in the order of their keys."""
        key = read_cursor(cursor, str)
        async with units() as uow:
            found = await keep_topics.list_topics(
                uow, after=str(key[0]) if key else None, limit=limit + 1
            )
        shown = [TopicShown.model_validate(one) for one in found]
        return page_of(shown, limit, lambda one: (one.key,))

    @router.post("", status_code=201, response_model=TopicShown, responses=may_refuse(TopicExists))
    async def make(request: Request, body: TopicBody) -> Response:
        """Make a topic."""

        async def work(uow: UnitOfWork) -> Answer:
            topic = await keep_topics.make_topic(body.key, _given(body.titles), uow)
            return Answer(
                TopicShown.model_validate(topic),
                status=201,
                headers={"ETag": etag(1), "Location": f"/v1/topics/{topic.key}"},
            )

        return await write(request, units, work)

    @router.get("/{key}")
    async def show(key: Key, response: Response) -> TopicShown:
        """Show one topic with its ETag."""
        async with units() as uow:
            topic = await keep_topics.show_topic(key, uow)
        response.headers["ETag"] = etag(topic.version)
        return TopicShown.model_validate(topic)

    @router.put("/{key}", response_model=TopicShown)
    async def change(request: Request, key: Key, body: TopicChange, expected: Expected) -> Response:
        """Change titles of the version in If-Match, archive the topic or take it back.

        Bans of a topic stay, archived or not.
        """

        async def work(uow: UnitOfWork) -> Answer:
            topic = await keep_topics.change_topic(
                key, _given(body.titles), uow, archived=body.archived, expected=expected
            )
            return Answer(TopicShown.model_validate(topic), headers={"ETag": etag(topic.version)})

        return await write(request, units, work)

    return router


def _given(titles: Titles) -> dict[str, str]:
    return titles.model_dump(exclude_none=True)
