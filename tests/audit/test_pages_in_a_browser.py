"""The report and the audit page as people see them: in Chromium, without network, what a model wrote inert."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from audit.audit_page import write_audit_page
from audit.findings import Limits, finish
from audit.report import ReportFacts, write_report
from audit.survey import Survey
from records.accounts import Accounts
from records.schema import DROPS, drop_row
from records.tables import write_table
from records.types import Drop
from tests.audit.planted import boilerplate, poor_cluster, sound, with_line_numbers, with_phrase
from tests.audit.test_report import HOSTILE, rows_with
from tests.browser import open_page
from tests.exports.stored_rows import FAIL, UNJUDGED, Answer, row, seed, write_shards

pytestmark = pytest.mark.heavy


@contextmanager
def quiet_page(path: Path) -> Iterator[Page]:
    """The file, open; fails for a console message, a dialog, and any request but that for the file itself."""
    said: list[str] = []
    with open_page() as page:
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: said.append(f"request: {request.url}"))
        page.goto(path.as_uri())
        yield page
        page.wait_for_timeout(100)
        urls = [line for line in said if line not in (f"request: {path.as_uri()}", "request: data:,")]
        assert urls == []


def report(root: Path, *rows: dict[str, Any]) -> Path:
    accounts = Accounts()
    stage = accounts.stage("code/solve", "record")
    stage.entered, stage.accepted, stage.rejected = 42, 41, 1
    stage.reasons["code_tests: memory"] = 1
    lost = accounts.stage("code/solve", "propose")
    lost.entered, lost.dropped = 1, 1
    lost.reasons["propose: truncated"] = 1
    write_shards(root, list(rows))
    drop = Drop("s1", "code/solve", "propose", "truncated", {"error": HOSTILE})
    write_table(root / "drops.parquet", DROPS, [drop_row(drop)])
    out = root / "report" / "index.html"
    write_report(root, out, ReportFacts("nightly", "0123", "provender 0", "complete", accounts))
    return out


def many_rows() -> list[dict[str, Any]]:
    rows = [row(f"p{number:03d}", seed=seed(number), metadata={"difficulty": "hard"}) for number in range(40)]
    failed = row("f", FAIL, "wrong_answer", check=Answer(), recipe="math/solve", reply="a needle in the hay")
    return [*rows, failed, row("m", FAIL, "memory"), row("u", UNJUDGED, "sandbox_error")]


def visible(page: Page) -> int:
    return page.locator("details.record:not([hidden])").count()


def test_filters_and_numbers_lead_to_records(tmp_path: Path, screenshots: Path) -> None:
    with quiet_page(report(tmp_path, *many_rows())) as page:
        everything = visible(page)
        page.screenshot(path=screenshots / "report.png")
        page.select_option("select[name=outcome]", "fail")
        assert visible(page) == 2
        page.select_option("select[name=recipe]", "math/solve")
        assert visible(page) == 1
        expect(page.locator("#command")).to_have_text(
            "provender inspect RUN --where recipe=math/solve --where outcome=fail"
        )
        page.click("button[type=reset]")
        expect(page.locator("#shown")).to_have_text(f"{everything} of {everything} shown")
        page.fill("input[name=holds]", "NEEDLE")
        assert visible(page) == 1
        page.click("#reasons a.to[data-reason='code_tests: memory']")
        expect(page.locator("#shown")).to_have_text(f"1 of {everything} shown")
        page.click("#reasons a.to[data-reason='propose: truncated']")
        expect(page.locator("#shown")).to_have_text(f"1 of {everything} shown")
        expect(page.locator("details.record:not([hidden])")).to_contain_text("dropped")
        page.click("#facets a.to")
        expect(page.locator("#trait")).to_have_text("only difficulty=hard;")
        assert 0 < visible(page) < everything
        page.evaluate("location.hash = '#r-f'")
        expect(page.locator("#r-f")).to_have_attribute("open", "")
        page.locator("#records").scroll_into_view_if_needed()
        page.screenshot(path=screenshots / "report-records.png")


FOLLOW = """async () => {
  const lost = [];
  for (const link of document.querySelectorAll("a.to")) {
    link.dispatchEvent(new MouseEvent("click", { bubbles: true }));  // a bar of a chart has no click()
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (document.getElementById("shown").textContent.startsWith("0 of")) lost.push(link.outerHTML);
  }
  return lost;
}"""
"""Follows every number of the page; gives those behind which no record is shown."""


def test_every_number_leads_to_a_record(tmp_path: Path) -> None:
    made = many_rows()
    for number, words in enumerate((10, 100, 400, 1000, 2000)):  # of all lengths, attempts, topics and models
        own: dict[str, Any] = {"chain": f"c{number}", "metadata": {"topic": f"topic {number} | {'x' * 70}"}}
        made += [
            row(f"c{number}-0", FAIL, f"reason_{number}", final=False, **own),
            row(f"c{number}-1", attempt=1, reply="word " * words, model=f"model-{number}", **own),
        ]
    with quiet_page(report(tmp_path, *made)) as page:
        assert page.locator("a.to").count() > 20
        assert page.evaluate(FOLLOW) == []


def test_every_link_within_the_page_has_its_target(tmp_path: Path) -> None:
    with quiet_page(report(tmp_path, *many_rows())) as page:
        dead = page.evaluate(
            "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
            ".filter(h => !h.startsWith('#') || !document.getElementById(h.slice(1)))"
        )
        assert dead == []


def test_what_a_model_wrote_does_nothing(tmp_path: Path) -> None:
    with quiet_page(report(tmp_path, *rows_with(HOSTILE))) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        for selector in ("img", "svg [onload]", "[onmouseover]", "[onerror]", "a[href^='javascript']", "iframe"):
            assert page.locator(selector).count() == 0, selector
        assert page.locator("script").count() == 1
        assert "alert(1)" in page.inner_text("main")


def test_planted_anomalies_stand_on_the_first_screen_of_the_audit(tmp_path: Path, screenshots: Path) -> None:
    survey = Survey()
    survey.add([*sound(300), *with_line_numbers(6), *boilerplate(9), *with_phrase(60), *poor_cluster(50)])
    before = Survey()
    before.add(sound(300, 9, words=300))
    out = tmp_path / "index.html"
    write_audit_page(out, "web", finish(survey, Limits(), before.to_json()))
    with quiet_page(out) as page:
        for name in ("line_number_run", "boilerplate", "repeated_phrase", "low_quality_cluster", "length_drift"):
            place = page.locator(".findings strong", has_text=name).first.bounding_box()
            assert place is not None and place["y"] < 900, name
        page.locator(".findings a").first.click()
        expect(page.locator("details.record[open]")).to_have_count(1)
        page.locator("h3").first.scroll_into_view_if_needed()
        page.screenshot(path=screenshots / "audit.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_names_and_keyboard_pass_axe(tmp_path: Path, scheme: str) -> None:
    survey = Survey()
    survey.add([*sound(120), *with_line_numbers(3)])
    write_audit_page(tmp_path / "audit.html", "web", finish(survey, Limits()))
    for path in (report(tmp_path / "run", *many_rows()), tmp_path / "audit.html"):
        with open_page() as page:
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            result = Axe().run(page)
            found = [(one["id"], one["nodes"][0]["html"][:200]) for one in result.response["violations"]]
            assert found == []


def test_filters_are_used_by_keyboard(tmp_path: Path) -> None:
    with quiet_page(report(tmp_path, *many_rows())) as page:
        page.locator("select[name=outcome]").focus()
        page.keyboard.press("f")
        expect(page.locator("#shown")).to_contain_text("2 of")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("needle")
        expect(page.locator("#shown")).to_contain_text("1 of")
