"""What an opportunity is (TS-27 to TS-34, TS-A1 to TS-A5)."""

from enum import StrEnum


class ProbabilitySource(StrEnum):
    """Where a probability comes from; what was said by hand survives a change of stage (TS-A4)."""

    STAGE = "stage"
    MANUAL = "manual"


class StaleReason(StrEnum):
    """Why an open opportunity needs a look."""

    DATE_PASSED = "date_passed"
    NO_ACTIVITY = "no_activity"
