"""Where the golden messages and the schemas are."""

import json
import subprocess
from pathlib import Path
from typing import Any

from shared.contracts.catalogue import CATALOGUE
from shared.contracts.generate import GOLDEN, SCHEMAS

ROOT = Path(__file__).resolve().parents[2]

TYPES = sorted(CATALOGUE)
GOLDENS = [(name, path) for name in TYPES for path in sorted((ROOT / GOLDEN / name).glob("*.json"))]
GOLDEN_IDS = [f"{name}/{path.stem}" for name, path in GOLDENS]


def checked_in(name: str) -> dict[str, Any]:
    """The schema of the working copy."""
    text = (ROOT / SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def published(name: str) -> dict[str, Any]:
    """The schema of the last commit; that of the working copy if it is new or there is no git."""
    path = f"{SCHEMAS.as_posix()}/{name}.schema.json"
    try:
        shown = subprocess.run(
            ["git", "show", f"HEAD:./{path}"], cwd=ROOT, capture_output=True, timeout=30
        )
    except OSError:
        return checked_in(name)
    if shown.returncode != 0:
        return checked_in(name)
    schema: dict[str, Any] = json.loads(shown.stdout)
    return schema
