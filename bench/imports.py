"""Import 100,000 customers with 150,000 contacts, until mailing has heard of them all.

Prints seconds and the ratio to COPY of the same rows into bare tables, in the same run; the peak of
memory of the process, in which customers, mailing and the caller run; and rows by fate.
"""

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import services.customers.bootstrap as customers
import services.mailing.bootstrap as mailing
from bench.databases import fresh_database
from services.customers.settings import Settings as CustomersSettings
from services.mailing.settings import Settings as MailingSettings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.process import run
from shared.chassis.testing.servers import find_postgres
from shared.chassis.testing.waiting import eventually

CUSTOMERS = int(os.environ.get("SUHDE_BENCH_CUSTOMERS", "100000"))
CONTACTS = CUSTOMERS * 3 // 2
KEY = "k" * 32
HEADER = (
    "customer ref,customer name,business phone,customer type,person id,first name,last name,"
    "email,mobile,street,postal code,city,country,role,no email"
)
FIELDS = {
    "customer ref": "customer.ref",
    "customer name": "customer.name",
    "business phone": "customer.phone",
    "customer type": "customer.customer_type",
    "person id": "contact.ref",
    "first name": "contact.first_name",
    "last name": "contact.last_name",
    "email": "contact.email",
    "mobile": "contact.mobile",
    "street": "contact.street",
    "postal code": "contact.postal_code",
    "city": "contact.city",
    "country": "contact.country",
    "role": "contact.role",
    "no email": "contact.ban.NO_EMAIL",
}


def row(number: int) -> list[str]:
    """Return a row: every contact has one, every second customer two contacts."""
    firm = number * 2 // 3
    return [
        f"C{firm}",
        f"Asiakas {firm} Oy",
        f"+35840{firm:07}",
        "A" if firm % 3 else "B",
        f"P{number}",
        f"Etunimi{number}",
        f"Sukunimi{number}",
        f"person{number}@example.com",
        f"+35850{number:07}",
        f"Katu {number % 90}",
        f"{number % 99999:05}",
        "Turku",
        "FI",
        "Ostaja",
        "x" if number % 50 == 0 else "",
    ]


def memory() -> int:
    """Return the resident memory of this process in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


class Peak:
    """The highest memory seen while it runs."""

    def __init__(self) -> None:
        self.before = self.most = memory()
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, memory())

    def end(self) -> str:
        self._over.set()
        return f"{self.before} MB before, {self.most} MB at most"


async def copied(engine: AsyncEngine) -> float:
    """Return the seconds that COPY needs for the same cells in two bare tables."""
    rows = [row(number) for number in range(CONTACTS)]
    firms = {one[0]: one[:4] for one in rows}
    people = [one[4:] for one in rows]
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE copied_firm (a text, b text, c text, d text)"))
        columns = ", ".join(f"c{n} text" for n in range(11))
        await connection.execute(text(f"CREATE TABLE copied_person ({columns})"))
        await connection.commit()
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        began = perf_counter()
        await raw.copy_records_to_table("copied_firm", records=list(firms.values()))
        await raw.copy_records_to_table("copied_person", records=people)
        return perf_counter() - began


async def is_ready(api: httpx.AsyncClient) -> bool:
    return (await api.get("/health/ready")).status_code == 200


async def until_ended(api: httpx.AsyncClient, url: str) -> dict[str, Any]:
    while True:
        job = (await api.get(url)).json()
        if job["ended_at"]:
            return dict(job)
        await asyncio.sleep(0.2)


async def main() -> int:
    server = await find_postgres()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.close)
        urls = [await fresh_database(server, stack, name) for name in ("customers", "mailing")]
        bus = InProcessBus()
        given = {"broker_url": "amqp://unused", "api_key": KEY}
        register = customers.build(CustomersSettings(database_url=urls[0], **given), bus)
        listener = mailing.build(MailingSettings(database_url=urls[1], link_key=KEY, **given), bus)
        app = create_app([register, listener], api_key=SecretStr(KEY), title="bench", version="0")
        await stack.enter_async_context(app.router.lifespan_context(app))
        api = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app),
                base_url="http://bench",
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=600,
            )
        )
        await eventually(lambda: is_ready(api), within=30)
        copy = await copied(register.engine)
        print(f"COPY of the same rows: {copy:.2f} s")
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write(HEADER + "\n")
            file.writelines(",".join(row(number)) + "\n" for number in range(CONTACTS))
            file.flush()
            return await measure(api, listener.engine, Path(file.name), copy)


async def measure(api: httpx.AsyncClient, heard: AsyncEngine, path: Path, copy: float) -> int:
    async def body() -> Any:
        with path.open("rb") as file:
            while part := file.read(65_536):
                yield part

    peak = Peak()
    began = perf_counter()
    sent = await api.post(
        "/v1/imports", params={"source": "/bench", "name": "bench"}, content=body()
    )
    assert sent.status_code == 201, sent.text
    print(f"upload and reading: {perf_counter() - began:.1f} s")
    url = f"/v1/imports/{sent.json()['import_id']}"
    columns = [{"column": column, "to": to} for column, to in FIELDS.items()]
    mapped = await api.put(f"{url}/mapping", json={"columns": columns}, headers={"If-Match": '"1"'})
    assert mapped.status_code == 200, mapped.text
    for kind in ("rehearsal", "run"):
        began, busy = perf_counter(), process_time()
        asked = await api.post(f"{url}/{kind}")
        job = await until_ended(api, asked.headers["location"])
        if job["state"] != "done":
            print(job["problem"])
            return 1
        seconds = perf_counter() - began
        print(
            f"{kind}: {seconds:.1f} s ({seconds / copy:.0f} times COPY, "
            f"{process_time() - busy:.1f} s of Python), {job['result']['counts']}"
        )
    while True:
        async with heard.connect() as connection:
            counts = await connection.execute(
                text("SELECT (SELECT count(*) FROM customer), (SELECT count(*) FROM contact)")
            )
            if tuple(counts.one()) == (CUSTOMERS, CONTACTS):
                break
        await asyncio.sleep(0.2)
    seconds = perf_counter() - began
    print(f"mailing has heard all: {seconds:.1f} s after the run began ({seconds / copy:.0f} COPY)")
    print(f"memory: {peak.end()}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main()))
