"""The how-to pages work as typed, each on an installation of its own that was never used before."""

import json
import shlex

import pytest

from tests.system.pages import blocks, contains, run
from tests.system.processes import ROOT
from tests.system.suhde_up import suhde_up

PAGES = [
    *("search-customers.md", "import-customers.md", "record-activities.md", "seller-view.md"),
    *("sales-targets.md", "attach-documents.md", "merge-duplicates.md", "segments.md"),
    *("keep-lists.md", "sales-pipeline.md", "forecasts.md", "consent.md", "segment-language.md"),
    *("unsubscribe-and-bounces.md", "why-is-he-in-it.md", "audiences.md"),
]
# A page is typed into one terminal: what one snippet sets, the next ones have.
SO_FAR = "\n[ ! -e terminal ] || . ./terminal"
FROM_NOW = "\nexport -p > terminal"


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_answers_what_it_shows(name: str) -> None:
    marked = [one for one in blocks((ROOT / "docs/how-to" / name).read_text()) if one[0]]
    checked = 0
    async with suhde_up() as suhde:
        exports, *typed = marked
        before = exports[1].replace(":8080", f":{suhde.port}").replace("…", shlex.quote(suhde.key))
        printed = ""
        for language, code in typed:
            if language == "json":
                assert contains(json.loads(printed), json.loads(code)), f"{code}\nbut: {printed}"
                checked += 1
            elif language == "text":
                assert set(code.splitlines()) <= set(printed.splitlines()), (
                    f"{code}\nbut: {printed}"
                )
                checked += 1
            else:
                assert language == "bash", f"a page is typed into a shell: {code}"
                printed = await run(
                    language,
                    code + FROM_NOW,
                    before=f"set -a\n{before}{SO_FAR}",
                    directory=suhde.directory,
                )
                assert '"slug"' not in printed, f"{code}\n{printed}"
    assert checked >= 3
