"""Pages of documentation that are typed as they stand: their snippets are taken and run.

Blocks marked `bash` or `python` are run in their order; a `json` or `text` block after one
is what its answer contains.
"""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SNIPPET_SECONDS = 30.0


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the blocks of a page, each with its mark."""
    return [(found[1], found[2]) for found in BLOCK.finditer(text)]


async def run(language: str, code: str, *, before: str, directory: Path) -> str:
    """Run a snippet in a shell that has typed `before`; return what it printed."""
    command = code if language == "bash" else f'exec {sys.executable} -c "$SNIPPET"'
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", f"{before}\n{command}"),
        cwd=directory,
        env={**os.environ, "SNIPPET": code},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SNIPPET_SECONDS):
        printed, errors = await process.communicate()
    assert process.returncode == 0, f"{code}\n{printed.decode()}{errors.decode()}"
    assert errors == b"", f"{code}\n{errors.decode()}"
    return printed.decode()


def contains(found: Any, shown: Any) -> bool:
    """Tell whether all that the page shows is in what was found."""
    if isinstance(shown, dict):
        return isinstance(found, dict) and all(
            name in found and contains(found[name], value) for name, value in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(found, list) and all(
            any(contains(one, value) for one in found) for value in shown
        )
    return bool(found == shown)
