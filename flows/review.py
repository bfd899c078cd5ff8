"""The human gate: `review = true` pauses a run before it publishes, with a sample of its records in the UI."""

from __future__ import annotations

from prefect.artifacts import acreate_markdown_artifact
from prefect.context import FlowRunContext
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import apause_flow_run
from prefect.input import RunInput
from prefect.settings import PREFECT_API_URL
from pydantic import Field

from audit.tables import markdown_table
from flows.artifacts import samples_markdown
from flows.errors import ConfigError, UserError
from flows.run_folder import RunFolder

PATIENCE_S = 14 * 24 * 3600
"""How long a run waits for a person: a holiday. Then it fails, keeps everything, and Retry asks again."""
POLL_S = 5


class Rejected(UserError):
    """A person looked at the sample and said no: everything is kept, nothing is published."""


class Review(RunInput):
    """What the reviewer says."""

    approve: bool = Field(
        False, title="Publish this dataset", description="Off: everything is kept and nothing is published."
    )
    note: str = Field("", title="Note", description="Why; it is kept in run.json.")


def require_reviewer() -> None:
    """Refuse, before anything is paid, a review that nobody could give. Raises ConfigError."""
    if not PREFECT_API_URL.value():
        raise ConfigError(
            "review = true needs a Prefect server where a person approves; set PREFECT_API_URL, or --set review=false"
        )


async def reviewed(folder: RunFolder, accepted: dict[str, int]) -> str:
    """Wait for a person and return the note. Raises Rejected, and UserError when nobody came."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise ConfigError("review = true: only a flow run can wait for a person; use provender make or a deployment")
    counts = markdown_table(("recipe", "accepted"), [(slug, f"{count:,}") for slug, count in accepted.items()])
    sample = f"{counts}\n{samples_markdown(folder)}"
    await acreate_markdown_artifact(key="review", markdown=sample, description="To be approved before it is published.")
    try:
        answer = await apause_flow_run(
            wait_for_input=Review.with_initial_data(description=sample),
            timeout=PATIENCE_S,
            poll_interval=POLL_S,
            key=f"review-{context.flow_run.run_count}",  # a retry asks again
        )
    except FlowPauseTimeout as error:
        raise UserError(
            f"{folder.root}: nobody reviewed the sample in {PATIENCE_S // 86400} days; retry asks again"
        ) from error
    note = " ".join(answer.note.split())
    if not answer.approve:
        raise Rejected(f"rejected in review{': ' + note if note else ''}; everything is kept in {folder.root}")
    return note
