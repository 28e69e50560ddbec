"""The application of one process: the routes of its services, closed by default."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from pydantic import SecretStr

from shared.chassis.http.description import install_description
from shared.chassis.http.health import health_router
from shared.chassis.http.jobs import jobs_router
from shared.chassis.http.keys import require_key
from shared.chassis.http.limits import BodyLimitMiddleware
from shared.chassis.http.parked import parked_router
from shared.chassis.http.problems import install_problems
from shared.chassis.service import Service


def create_app(
    services: Sequence[Service], *, api_key: SecretStr, title: str, version: str
) -> FastAPI:
    """Return the application that serves these services and starts and stops them."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bus = services[0].bus
        for service in services:
            await service.start()
        await bus.start()
        yield
        await bus.stop_delivery()
        for service in services:
            await service.stop()
        await bus.stop()

    app = FastAPI(
        title=title,
        version=version,
        lifespan=lifespan,
        openapi_url="/openapi.json",
        # The framework's pages load their scripts from the internet; a laptop may not have it.
        docs_url=None,
        redoc_url=None,
    )
    larger = {path: most for service in services for path, most in service.larger_bodies.items()}
    app.add_middleware(BodyLimitMiddleware, larger=larger)
    install_problems(app)
    app.include_router(health_router(services))
    locked = [Depends(require_key(api_key))]
    if any(service.jobs for service in services):
        app.include_router(jobs_router(services), dependencies=locked)
    for service in services:
        for router in service.routers:
            app.include_router(router, dependencies=locked)
        for router in service.public_routers:
            app.include_router(router)
        app.include_router(
            parked_router(service.name, service.units, service.worker), dependencies=locked
        )
    install_description(app, {name: about for one in services for name, about in one.tags.items()})
    return app
