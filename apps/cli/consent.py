"""`suhde consent`: what a consent log proves, checked from the file alone."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.mailing.domain.consent_log import What
from services.mailing.domain.consent_proof import Breach, prove

consent = typer.Typer(no_args_is_help=True)
console = Console(highlight=False, markup=False, soft_wrap=True)


@consent.callback()
def _group() -> None:
    """Keep `verify` a command of its own."""


@consent.command()
def verify(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="a log in NDJSON, from its start")
    ],
) -> None:
    """Check that a log is whole and that no hand-off stands after its ban. Needs no server."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            proof = prove(lines)
    except Breach as breach:
        console.print(f"BROKEN: {breach.what}")
        for line in breach.lines:
            console.print(line)
        raise typer.Exit(1) from None
    counts = ", ".join(f"{proof.counts[what]:,} {what}" for what in What if proof.counts[what])
    console.print(f"no hand-off after its ban: {proof.records:,} records ({counts or 'none'})")
    console.print(f"the last one is {proof.last}")
