"""The tables of the mailing service."""

from services.mailing.persistence import (
    audience_tables,
    consent_tables,
    projection_tables,
    report_tables,
    segment_tables,
    webhook_tables,
)
from services.mailing.persistence.columns import metadata

__all__ = [
    "audience_tables",
    "consent_tables",
    "metadata",
    "projection_tables",
    "report_tables",
    "segment_tables",
    "webhook_tables",
]
