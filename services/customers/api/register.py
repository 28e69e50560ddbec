"""Routes of the register: settings, contact attributes and their groups."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import text

from services.customers.api.shapes import (
    AttributeInput,
    AttributeOutput,
    EffectOutput,
    GroupInput,
    GroupOutput,
    SettingChanged,
    SettingInput,
    SettingOutput,
    StartChangeOutput,
)
from services.customers.domain.settings import NAMES, SettingNotFound
from services.customers.handlers.change_setting import Effect, change_setting, recompute_starts
from services.customers.handlers.define_attribute import define_attribute, define_group
from services.customers.persistence import register as store
from shared.chassis.http.writes import Answer, etag, expected_version, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

Expected = Annotated[int, Depends(expected_version)]
DryRun = Annotated[bool, Query(description="only tell what would change")]


def _effect(effect: Effect, *, dry_run: bool) -> EffectOutput:
    return EffectOutput(
        dry_run=dry_run,
        contacts_with_changed_bans=effect.contacts_with_changed_bans,
        starts_changed=effect.starts_changed,
        first_starts=[
            StartChangeOutput(customer_id=one.customer_id, before=one.before, after=one.after)
            for one in effect.first_starts
        ],
    )


def register_router(units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes of settings, contact attributes and contact groups."""
    router = APIRouter(prefix="/v1", tags=["register"])

    @router.get("/settings")
    async def settings() -> list[SettingOutput]:
        """List the settings by the names of the manuals."""
        async with units.engine.connect() as connection:
            rows = await connection.execute(
                text("SELECT name, value, version FROM setting ORDER BY name")
            )
            return [SettingOutput(**row._mapping) for row in rows]

    @router.get("/settings/{name}")
    async def setting(name: str, response: Response) -> SettingOutput:
        """Fetch one setting."""
        if name not in NAMES:
            raise SettingNotFound(f"There is no setting {name[:60]!r}.")
        async with units.engine.connect() as connection:
            result = await connection.execute(
                text("SELECT name, value, version FROM setting WHERE name = :name"), {"name": name}
            )
            body = SettingOutput(**result.one()._mapping)
        response.headers["ETag"] = etag(body.version)
        return body

    @router.put("/settings/{name}", response_model=SettingChanged)
    async def change(
        request: Request,
        name: str,
        body: SettingInput,
        expected: Expected,
        dry_run: DryRun = False,
    ) -> Response:
        """Change a setting (If-Match); a ban that moves to another attribute moves at once."""

        async def work(unit: UnitOfWork) -> Answer:
            version, effect = await change_setting(
                name, body.value, unit, expected=expected, dry_run=dry_run
            )
            held = (await store.fetch_settings(unit.connection))[name]
            return Answer(
                SettingChanged(
                    setting=SettingOutput(name=name, value=held, version=version),
                    effect=_effect(effect, dry_run=dry_run),
                ),
                headers={"ETag": etag(version)},
            )

        return await write(request, units, work)

    @router.post("/relationship-starts/recompute", response_model=EffectOutput)
    async def recompute(request: Request, dry_run: DryRun = False) -> Response:
        """Apply the start switches to every customer, or only show what would change."""

        async def work(unit: UnitOfWork) -> Answer:
            effect = await recompute_starts(unit, dry_run=dry_run)
            return Answer(_effect(effect, dry_run=dry_run))

        return await write(request, units, work)

    @router.get("/contact-attributes")
    async def attributes() -> list[AttributeOutput]:
        """List contact attributes by number."""
        async with units.engine.connect() as connection:
            rows = await store.list_attributes(connection)
        return [
            AttributeOutput(
                attribute_id=row.attribute_id,
                number=row.number,
                title=row.title,
                group_id=row.group_id,
            )
            for row in rows
        ]

    @router.post("/contact-attributes", status_code=201, response_model=AttributeOutput)
    async def create_attribute(request: Request, body: AttributeInput) -> Response:
        """Create a contact attribute; settings refer to it by its number."""

        async def work(unit: UnitOfWork) -> Answer:
            made = await define_attribute(
                number=body.number, title=body.title, group_id=body.group_id, uow=unit
            )
            output = AttributeOutput(
                attribute_id=made.attribute_id,
                number=made.number,
                title=made.title,
                group_id=body.group_id,
            )
            return Answer(output, 201)

        return await write(request, units, work)

    @router.get("/contact-groups")
    async def groups() -> list[GroupOutput]:
        """List the groups of contact attributes."""
        async with units.engine.connect() as connection:
            rows = await store.list_groups(connection)
        return [GroupOutput(group_id=row.group_id, title=row.title) for row in rows]

    @router.post("/contact-groups", status_code=201, response_model=GroupOutput)
    async def create_group(request: Request, body: GroupInput) -> Response:
        """Create a group of contact attributes."""

        async def work(unit: UnitOfWork) -> Answer:
            group_id: UUID = await define_group(body.title, unit)
            return Answer(GroupOutput(group_id=group_id, title=body.title), 201)

        return await write(request, units, work)

    return router
