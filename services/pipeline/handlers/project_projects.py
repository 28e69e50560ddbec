"""Take over the ERP's projects, as customers has found out whose they are (TS-33, VF-A6)."""

from services.pipeline.persistence.projections import ProjectRow, save_projects
from shared.chassis.messages import Batch
from shared.chassis.newest import newest
from shared.chassis.unit_of_work import UnitOfWork
from shared.contracts.customers import ProjectRecorded


async def on_project_recorded(batch: Batch[ProjectRecorded], uow: UnitOfWork) -> None:
    """Project projects; older versions than what stands change nothing."""
    recorded = newest(
        (message.data for message in batch),
        key=lambda data: (data.project_source, data.project_ref),
        version=lambda data: data.version,
    )
    await save_projects(
        uow.connection,
        [
            ProjectRow(
                source=data.project_source,
                project_ref=data.project_ref,
                version=data.version,
                customer_id=data.customer_id,
                name=data.name,
                active=data.active,
                violated_rule=data.violated_rule,
            )
            for data in recorded
        ],
    )
