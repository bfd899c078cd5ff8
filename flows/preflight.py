"""Refuses what cannot work before any model call is paid: each refusal is one line with a remedy."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator

from corpus.errors import CorpusError
from flows import progress
from flows.cluster import require_runner
from flows.config import SandboxSettings, api_key
from flows.errors import ConfigError, UserError
from flows.judging import require_other_judge
from flows.plan import RunPlan
from flows.run_folder import RunFolder
from flows.run_store import require_store, run_store
from flows.sandboxes import sandbox_for
from flows.seed_plan import first_item, shard_size
from sandbox.languages import LANGUAGES
from sandbox.types import Request, Status, TestSource, ToolchainMissing

LEAST_FREE_BYTES = 64 << 20
"""Free disk space below which no run is started."""


async def preflight(plan: RunPlan, folder: RunFolder) -> None:
    """Refuse a missing key, an empty corpus, a full disk, no sandbox, no compiler. Raises UserError, SandboxError."""
    require_inputs(plan, folder)
    require_other_judge(plan.config)
    require_store(plan.config)
    if any(recipe.recipe.sandbox for recipe in plan.recipes):
        await require_sandbox(plan.config.sandbox)
    await require_toolchains(plan)


def require_inputs(plan: RunPlan, folder: RunFolder) -> None:
    """Refuse an empty corpus, a missing API key, a benchmark that cannot be read, a full disk.

    Raises ConfigError, CurationError.
    """
    require_runner(plan.config.engine)
    run_store(plan.config, plan.config.name)
    for settings in plan.config.models.values():
        api_key(settings)
    for recipe in plan.recipes:
        _ = recipe.curation.contamination  # its benchmarks are read, or refused, before anything is paid
    for line in _corpus_faults(plan, folder):
        raise ConfigError(line)
    existing = next(parent for parent in (folder.root, *folder.root.resolve().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE_BYTES:
        raise ConfigError(
            f"--out {folder.root}: {free >> 20} MiB free on that disk; a run needs {LEAST_FREE_BYTES >> 20}"
        )


def _corpus_faults(plan: RunPlan, folder: RunFolder) -> Iterator[str]:
    for recipe in plan.recipes:
        if recipe.upstream is not None:
            continue  # another recipe of the run makes its corpus
        size = shard_size(recipe.choice.target, plan.config.shard_size)
        try:
            if first_item(recipe.seed_plan(plan.config, folder, size)) is None:
                yield f"recipes ({recipe.choice.use}): the corpus {recipe.choice.corpus} holds nothing to read"
        except CorpusError as error:
            yield f"recipes ({recipe.choice.use}): {error}"


async def require_sandbox(settings: SandboxSettings) -> None:
    """Run one program. Raises SandboxUnavailable with what to install or change, UserError for a wrong result."""
    sandbox = sandbox_for(settings, slots=1)
    try:
        execution = await sandbox.run(Request("python", "print(6 * 7)"))
    finally:
        await sandbox.aclose()
    if (execution.status, execution.stdout) != (Status.OK, "42\n"):
        detail = " ".join((execution.detail or execution.stderr).split())[:200]
        raise UserError(f"the sandbox runs, but not rightly: {execution.status} {detail}; see provender doctor")
    isolated = "WITHOUT ISOLATION" if execution.backend == "none" else f"in the sandbox backend {execution.backend}"
    progress.current().note(f"programs run {isolated}")


async def require_toolchains(plan: RunPlan) -> None:
    """Refuse a language that a recipe writes and nothing here can run. Raises ConfigError."""
    wanted = {
        language: recipe.choice.use
        for recipe in plan.recipes
        for language in (recipe.recipe.languages(recipe.settings) if recipe.recipe.languages else ())
    }
    missing = await missing_toolchains(list(wanted), plan.config.sandbox)
    for language, why in missing.items():
        raise ConfigError(
            f"recipes ({wanted[language]}): programs in {language} cannot run here: {why}; install it "
            "(scripts/toolchains knows how) or choose another language"
        )


async def missing_toolchains(languages: Collection[str], settings: SandboxSettings) -> dict[str, str]:
    """Of the languages, those whose own self-test with tests does not pass here, with the reason."""
    missing: dict[str, str] = {}
    sandbox = sandbox_for(settings, slots=1)
    try:
        for language in sorted(set(languages) - {"python"}):
            proof = next(one for one in LANGUAGES[language].self_test if isinstance(one.request.tests, TestSource))
            try:
                execution = await sandbox.run(proof.request)
            except ToolchainMissing as error:
                missing[language] = " ".join(str(error).split())[:200]
                continue
            if execution.tests is None or execution.tests.passed is not proof.passed:
                missing[language] = f"its self-test ends with {execution.status.value}"
    finally:
        await sandbox.aclose()
    return missing
