"""What is particular about the lists of opportunities, beyond their definitions."""

from services.pipeline.domain.lists import LISTS
from services.pipeline.persistence.holders import HOLDERS
from shared.lists.lists import Lists


class PipelineLists(Lists):
    """The lists of opportunities with their own rules."""


PIPELINE_LISTS = PipelineLists(LISTS, HOLDERS, path="/v1/pipeline-lists")
