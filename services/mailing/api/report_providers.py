"""Routes of those who report bounces and complaints: their secrets, each shown once."""

from datetime import datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.mailing.api.reports import HOOKS, Provider, ProviderInPath
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.refusals import ProviderNotFound, TooManySecrets
from services.mailing.handlers.keep_report_providers import give_secret, remove_provider
from services.mailing.persistence.report_secrets import providers_of, valid_secrets
from shared.chassis.http.description import WITHOUT_KEY, may_refuse
from shared.chassis.http.keys import KEY_NAME
from shared.chassis.http.shapes import Input
from shared.chassis.http.writes import Answer, write
from shared.chassis.unit_of_work import UnitOfWork, UnitOfWorkFactory

PROVIDERS = "/v1/report-providers"


class ProviderInput(Input):
    """Who is to report; a name that is used in the address of its hook."""

    provider: Provider = Field(examples=["mailhouse"])
    overlap_hours: int = Field(
        default=24, ge=0, le=720, description="how long its earlier secrets stay valid"
    )


class SecretOutput(BaseModel):
    """A secret that is valid; what it is was shown when it was made."""

    secret_id: UUID
    made_at: datetime
    valid_until: datetime | None


class ProviderOutput(BaseModel):
    """A provider and its valid secrets, the newest first."""

    provider: str
    hook: str = Field(description="put it behind the address of this service")
    secrets: list[SecretOutput]


class NewSecretOutput(SecretOutput):
    """A new secret of a provider, which is shown this once."""

    provider: str
    hook: str = Field(description="put it behind the address of this service")
    secret: str
    earlier_valid_until: datetime | None


class RemovedProvider(BaseModel):
    """Which provider was removed."""

    removed: str


def report_providers_router(units: UnitOfWorkFactory, keys: LinkKeys) -> APIRouter:
    """Return the routes that give secrets out, list and remove them."""
    router = APIRouter(prefix=PROVIDERS, tags=["delivery-reports"])

    @router.post(
        "",
        status_code=201,
        response_model=NewSecretOutput,
        responses=may_refuse(TooManySecrets),
        openapi_extra=WITHOUT_KEY,
    )
    async def give(body: ProviderInput, response: Response) -> object:
        """Give a provider its first secret, or a new one beside those it has.

        The secret is told in this answer and never again: no Idempotency-Key is taken, since the
        answer would have to be kept.
        """
        async with units() as uow:
            await uow.act_as(KEY_NAME)
            made = await give_secret(
                body.provider, overlap=timedelta(hours=body.overlap_hours), keys=keys, uow=uow
            )
        response.headers["Location"] = f"{PROVIDERS}/{body.provider}"
        response.headers["Cache-Control"] = "no-store"
        return NewSecretOutput(
            secret_id=made.row.secret_id,
            made_at=made.row.made_at,
            valid_until=made.row.valid_until,
            provider=body.provider,
            hook=f"{HOOKS}/{body.provider}",
            secret=made.secret,
            earlier_valid_until=made.earlier_valid_until,
        )

    @router.get("")
    async def show_all() -> list[ProviderOutput]:
        """List who may report, and until when which secret is valid."""
        async with units.engine.connect() as connection:
            rows = await valid_secrets(connection, now=units.clock())
        return [
            ProviderOutput(
                provider=provider,
                hook=f"{HOOKS}/{provider}",
                secrets=[SecretOutput.model_validate(one, from_attributes=True) for one in secrets],
            )
            for provider, secrets in providers_of(rows).items()
        ]

    @router.delete(
        "/{provider}", response_model=RemovedProvider, responses=may_refuse(ProviderNotFound)
    )
    async def remove(request: Request, provider: ProviderInPath) -> Response:
        """Remove a provider with all its secrets; nothing that it signs is taken any more."""

        async def work(uow: UnitOfWork) -> Answer:
            await remove_provider(provider, uow)
            return Answer(RemovedProvider(removed=provider))

        return await write(request, units, work)

    return router
