"""The chat page in a real browser: by keyboard, with a key, as text; it is self-contained."""

from collections.abc import Iterator

import pytest

from tests.browser import Page, browser, chromium
from tests.serve.conftest import Server

DONE = "!document.querySelector('[aria-busy]') && document.querySelectorAll('.assistant').length === {}"
LAST = "[...document.querySelectorAll('.{}')].at(-1).textContent"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if not chromium():
        pytest.skip("no Chromium here: install one (Debian: apt-get install chromium) to test the chat page")
    with browser(tmp_path_factory.mktemp("chromium") / "profile") as tab:
        yield tab


@pytest.fixture
def body(tab: Page, open_server: Server) -> Page:
    """The open server's page, fresh, short answers set."""
    tab.show(open_server.url)
    tab.wait_for("document.getElementById('model').textContent === 'tiny-instruct/1'")
    tab.js("document.getElementById('tokens').value = 12")
    return tab


def test_a_question_is_answered_by_keyboard_alone_and_no_other_host_is_contacted(body, open_server):
    body.type("When did they meet?")
    body.press("Enter")
    body.wait_for(DONE.format(1))
    assert body.js(LAST.format("user")) == "When did they meet?"
    assert body.js(LAST.format("assistant"))
    body.type("And again?")
    body.press("Enter")
    body.wait_for(DONE.format(2))
    assert {url.startswith(open_server.url) for url in body.requests()} == {True}
    assert body.complaints() == []


def test_text_is_shown_as_text_and_never_run_as_markup(body):
    evil = "<img src=x onerror='document.title=1'><b>bold</b>"
    body.type(evil)
    body.press("Enter")
    body.wait_for(DONE.format(1))
    assert body.js(LAST.format("user")) == evil
    assert body.js("document.querySelectorAll('#turns img, #turns b').length") == 0
    assert body.js("document.title") == "triptych"


def test_the_policy_keeps_scripts_of_others_and_html_out(body):
    run = "const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)"
    body.js(f"(() => {{ try {{ {run} }} catch {{}} }})()")
    set_html = "(() => { try { document.body.innerHTML = '<p>'; return 'set' } catch (error) { return error.name } })()"
    assert body.js("document.title") == "triptych"
    assert body.js(set_html) == "TypeError"  # trusted types


def test_stop_ends_an_answer_and_keeps_its_text_so_far(body):
    body.js("document.getElementById('tokens').value = 4000")
    body.js("document.getElementById('temperature').value = 0")
    body.type("Speak long.")
    body.press("Enter")
    body.wait_for("document.querySelector('.assistant')?.textContent.length > 20")
    body.press("Escape")
    body.wait_for("document.getElementById('notice').textContent === 'Stopped.'")
    body.wait_for(DONE.format(1))
    assert body.js("document.activeElement.id") == "text"


def test_where_keys_are_required_the_page_shows_a_field_for_one(tab, guarded, key):
    tab.show(guarded.url)
    tab.wait_for("document.activeElement.id === 'key'")
    assert "a key is required" in tab.js("document.getElementById('notice').textContent")
    tab.type(key)
    tab.press("Enter")
    tab.wait_for("document.getElementById('model').textContent === 'tiny-instruct/1'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_in_colours_that_can_be_read(body, open_server, scheme):
    body.show(open_server.url, width=390, height=844, dark=scheme == "dark")
    assert body.js("document.documentElement.scrollWidth") <= 390
    assert body.js("document.getElementById('send').getBoundingClientRect().right") <= 390
    ink, ground = (body.js(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    assert contrast(ink, ground) > 7  # WCAG 2.2, level AAA


def contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminances, "rgb(r, g, b)" (WCAG 2.2, relative luminance)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
