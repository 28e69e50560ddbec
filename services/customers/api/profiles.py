"""Routes of the profiles: values of the lists, ready to be installed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from services.customers.domain.profiles import Plan
from services.customers.handlers.apply_profile import apply_profile
from services.customers.persistence.installed import installed_origins
from services.customers.persistence.profiles import load_profiles
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

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


def profiles_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below /v1/list-profiles."""
    router = APIRouter(prefix="/v1/list-profiles", tags=["lists"])

    @router.get("")
    async def profiles() -> list[ProfileOutput]:
        """List the profiles: the vendors', the defaults, and classifications such as NACE."""
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
            for one in load_profiles().values()
        ]

    @router.post("/{name}/apply", response_model=AppliedOutput)
    async def apply(
        request: Request,
        name: Annotated[str, Path(examples=["defaults"])],
        dry_run: Annotated[bool, Query(description="only tell what would be added")] = False,
    ) -> Response:
        """Add what the register has never had of a profile; nothing that is there is changed."""

        async def work(unit: UnitOfWork) -> Answer:
            done = await apply_profile(name, unit, dry_run=dry_run)
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
