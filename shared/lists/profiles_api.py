"""Routes of the profiles: values of the lists, ready to be installed."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory
from shared.lists.install import apply_profile
from shared.lists.installed import installed_origins
from shared.lists.lists import Lists
from shared.lists.profiles import ListProfile, Plan, ProfileNotFound

SHOWN = 100


class ProfileOutput(BaseModel):
    """A profile, how many values it has, and how many of them were ever installed here."""

    name: str
    title: str
    about: str
    lists: list[str]
    values: int
    installed: int


class AddedOutput(BaseModel):
    """A value that is added."""

    list: str
    title: str


class AppliedOutput(BaseModel):
    """What applying a profile did, or would do (`dry_run`)."""

    dry_run: bool
    added: int
    first_added: list[AddedOutput] = Field(description="the first hundred of them")
    adopted: int = Field(description="were there by the same title, and stay as they are")
    installed_before: int = Field(description="stay as they are: edited, archived or deleted")
    left_out: int = Field(description="belong below a value that was deleted here")


def profiles_router(
    units: UnitOfWorkFactory,
    lists: Lists,
    offered: Mapping[str, ListProfile],
    *,
    about: str,
    path: str = "/v1/list-profiles",
) -> APIRouter:
    """Return the routes of the profiles that a service offers; `about` says which they are."""
    router = APIRouter(prefix=path, tags=["lists"])

    @router.get("", description=about)
    async def profiles() -> list[ProfileOutput]:
        """List the profiles."""
        async with units.engine.connect() as connection:
            installed = await installed_origins(connection)
        return [
            ProfileOutput(
                name=one.name,
                title=one.title,
                about=one.about,
                lists=one.list_names,
                values=len(one.values),
                installed=sum(value.origin in installed for value in one.values),
            )
            for one in offered.values()
        ]

    @router.post("/{name}/apply", response_model=AppliedOutput)
    async def apply(
        request: Request,
        name: Annotated[str, Path(examples=["defaults"])],
        dry_run: Annotated[bool, Query(description="only tell what would be added")] = False,
    ) -> Response:
        """Add what the register has never had of a profile; nothing that is there is changed."""

        async def work(unit: UnitOfWork) -> Answer:
            if name not in offered:
                raise ProfileNotFound(
                    f"There is no profile {name[:60]!r}.",
                    remedy=f"List the profiles: GET {path}, or `suhde profile list`.",
                )
            done = await apply_profile(lists, offered[name], unit, dry_run=dry_run)
            return Answer(_output(done, dry_run=dry_run))

        return await write(request, units, work)

    return router


def _output(done: Plan, *, dry_run: bool) -> AppliedOutput:
    return AppliedOutput(
        dry_run=dry_run,
        added=len(done.added),
        first_added=[
            AddedOutput(list=value.list_name, title=value.titles["en"])
            for value in done.added[:SHOWN]
        ],
        adopted=len(done.adopted),
        installed_before=len(done.keys) - len(done.adopted),
        left_out=len(done.left_out),
    )
