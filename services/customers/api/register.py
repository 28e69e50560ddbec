"""Routes of the settings of the register."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import text

from services.customers.api.shapes import (
    EffectOutput,
    SettingChanged,
    SettingInput,
    SettingOutput,
    StartChangeOutput,
)
from services.customers.domain.settings import NAMES, SettingNotFound
from services.customers.handlers.change_setting import Effect, change_setting, recompute_starts
from services.customers.persistence import register as store
from shared.chassis.http.writes import Answer, Expected, etag, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

SettingName = Annotated[str, Path(examples=["STARTDATE_INVOICE"])]
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
    """Return the routes of the settings."""
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
    async def setting(name: SettingName, response: Response) -> SettingOutput:
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
        name: SettingName,
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

    return router
