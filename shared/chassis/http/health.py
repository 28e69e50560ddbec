"""Health that tells the truth: live means the loop turns; ready means all was tried."""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from shared.chassis.service import Service

CHECK_SECONDS = 4.0


class Readiness(BaseModel):
    """Whether work can be done now; by service, what is in the way."""

    status: str
    problems: dict[str, dict[str, str]]


def health_router(services: Sequence[Service]) -> APIRouter:
    """Return the routes /health/live and /health/ready for the services of this process."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> dict[str, str]:
        """Tell that the process turns; says nothing about its dependencies, on purpose."""
        return {"status": "live"}

    @router.get(
        "/ready",
        response_model=Readiness,
        responses={503: {"description": "Not ready; says why.", "model": Readiness}},
    )
    async def ready() -> JSONResponse:
        """Tell whether work can be done now, and if not, why."""
        found: dict[str, dict[str, str]] = {}
        for service in services:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    found[service.name] = await service.problems()
            except TimeoutError:
                found[service.name] = {"checks": f"no answer within {CHECK_SECONDS:.0f} s"}
        is_ready = not any(found.values())
        return JSONResponse(
            {"status": "ready" if is_ready else "not ready", "problems": found},
            status_code=200 if is_ready else 503,
        )

    return router
