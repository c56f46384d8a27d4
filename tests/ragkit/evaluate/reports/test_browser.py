"""The page in a real browser: nothing is loaded, nothing overflows, everything is seen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.reports.page import render_html
from ragkit.evaluate.usage import Usage

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_CONTRAST = """() => {
    // Relative luminance and contrast as in WCAG 2.2.
    const light = rgb => rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
    const rgb = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const page = light(rgb(getComputedStyle(document.documentElement).backgroundColor));
    const bad = [];
    for (const element of document.querySelectorAll('h1, h2, h3, p, td, th, dt, dd, li, summary, figure text')) {
        const style = getComputedStyle(element);
        const ink = light(rgb(element instanceof SVGElement ? style.fill : style.color));
        const contrast = (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
        if (contrast < 4.5) bad.push([element.tagName, contrast, element.textContent.slice(0, 40)]);
    }
    return bad;
}"""


@pytest.fixture(scope="module")
def page_file(
    tmp_path_factory: pytest.TempPathFactory,
    report: Report,
    estimates: Mapping[str, Estimate],
    metrics: Mapping[str, Any],
    usage: Usage,
) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_html(report, estimates, metrics, usage=usage), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if _CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def _open(browser: Any, page_file: Path, width: int, scheme: str) -> tuple[Any, list[str], list[str]]:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    view = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: asked.append(request.url))
    view.goto(page_file.as_uri())
    return view, said, asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_quiet_whole_and_legible(browser: Any, page_file: Path, width: int, scheme: str) -> None:
    view, said, asked = _open(browser, page_file, width, scheme)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
    assert view.title() == "Hybrid <retrieval>"
    assert view.evaluate("document.documentElement.scrollWidth") == width
    assert view.evaluate(_CONTRAST) == []
    sections = view.locator("section").all()
    assert len(sections) == 16
    for section in sections:
        assert section.is_visible()
    view.context.close()


def test_nothing_that_is_drawn_lies_outside_of_its_part_or_on_other_numbers(browser: Any, page_file: Path) -> None:
    view, _, _ = _open(browser, page_file, 390, "light")
    outside = view.evaluate("""() => [...document.querySelectorAll('figure > svg')].flatMap(svg => {
        const box = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('text')].filter(text => {
            const own = text.getBoundingClientRect();
            return own.left < 0 || own.right > box.right + 8 || own.bottom > box.bottom + 8;
        }).map(text => text.textContent);
    })""")
    assert outside == []
    overlapping = view.evaluate("""() => [...document.querySelectorAll('figure > svg')].flatMap(svg => {
        const texts = [...svg.querySelectorAll('text')].filter(text => text.textContent);
        const boxes = texts.map(text => text.getBoundingClientRect());
        const touch = (a, b) => a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom;
        return boxes.flatMap((box, place) => boxes.slice(place + 1)
            .flatMap((other, ahead) => touch(box, other)
                ? [[texts[place].textContent, texts[place + 1 + ahead].textContent]] : []));
    })""")
    assert overlapping == []
    view.context.close()


def test_the_parts_have_names_for_who_cannot_see_them(browser: Any, page_file: Path) -> None:
    view, _, _ = _open(browser, page_file, 1280, "light")
    for role in ("img", "region", "table"):
        for element in view.get_by_role(role).all():
            assert element.evaluate("e => (e.ariaLabel || e.querySelector('caption, h2')?.textContent || '').trim()")
    assert view.get_by_role("heading", level=1).count() == 1
    view.context.close()


def test_the_numbers_behind_a_drawing_unfold(browser: Any, page_file: Path) -> None:
    view, _, _ = _open(browser, page_file, 390, "light")
    for summary in view.locator("summary").all():
        summary.click()
    assert view.locator("figure table").first.is_visible()
    assert view.evaluate("document.documentElement.scrollWidth") == 390
    view.context.close()
