"""Runs the measurements there are."""

import asyncio

from bench.end_to_end import main

asyncio.run(main())
