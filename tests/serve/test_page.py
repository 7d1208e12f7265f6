"""The chat page in a real browser: by keyboard, with a key, as text; it is self-contained."""

import json
from collections.abc import Iterator

import pytest

from tasks.feedback.log import entries
from tests.browser import Page, browser, chromium
from tests.serve.conftest import Server, serving

DONE = "!document.querySelector('[aria-busy]') && document.querySelectorAll('.assistant').length === {}"
LAST = "[...document.querySelectorAll('.{} .body')].at(-1).textContent"
SHOWN = "document.getElementById('model').selectedOptions[0]?.textContent === 'tiny-instruct/1 · champion'"
NOTICE = "document.getElementById('notice').textContent"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if not chromium():
        pytest.skip("no Chromium here: install one (Debian: apt-get install chromium) to test the chat page")
    with browser(tmp_path_factory.mktemp("chromium") / "profile") as tab:
        yield tab


@pytest.fixture
def body(tab: Page, open_server: Server) -> Page:
    """The open server's page, fresh, set to short answers that do not end by themselves."""
    return fresh(tab, open_server.url)


def fresh(tab: Page, url: str, tokens: int = 12, **settings) -> Page:
    keep(tab, url, "settings", {"tokens": tokens, "temperature": 0, **settings})
    tab.show(url)
    tab.wait_for(SHOWN)
    return tab


def keep(tab: Page, url: str, name: str, value: dict) -> None:
    """Leaves that in the tab's storage, and nothing else."""
    tab.show(f"{url}/icon.svg")
    tab.js(f"(sessionStorage.clear(), sessionStorage.setItem({name!r}, {json.dumps(json.dumps(value))}))")


def ask(tab: Page, text: str) -> str:
    """The answer."""
    before = tab.js("document.querySelectorAll('.assistant').length")
    tab.type(text)
    tab.press("Enter")
    tab.wait_for(DONE.format(before + 1))
    return tab.js(LAST.format("assistant"))


def complaints(tab: Page) -> list[str]:
    """All but those of the picture that `keep` shows, for which a browser asks an icon."""
    return [complaint for complaint in tab.complaints() if "/favicon.ico" not in complaint]


def click(tab: Page, name: str) -> None:
    tab.js(f"[...document.querySelectorAll('button')].filter(b => b.textContent.trim() === {name!r}).at(-1).click()")


def test_a_question_is_answered_by_keyboard_alone_and_no_other_host_is_contacted(body, open_server):
    assert ask(body, "When did they meet?")
    assert body.js(LAST.format("user")) == "When did they meet?"
    assert ask(body, "And again?")
    assert "12 tokens · " in body.js("document.querySelector('.acts span').textContent")
    assert "tokens/s" in body.js("document.querySelector('.acts span').textContent")
    assert {url.startswith(open_server.url) for url in body.requests()} == {True}
    assert complaints(body) == []


def test_text_is_shown_as_text_and_never_run_as_markup(body):
    evil = "<img src=x onerror='document.title=1'><b>bold</b>"
    ask(body, evil)
    assert body.js(LAST.format("user")) == evil
    assert body.js("document.querySelectorAll('#turns img, #turns b').length") == 0
    assert body.js("document.title") == "triptych"


MARKDOWN = """# One
A **strong** and *soft* `a*b*` word, 2 * 3 * 4, [here](javascript:document.title=1).
<img src=x onerror='document.title=1'>

- first
  - inner
- second

> quoted

```html
<script>document.title = 1</script>
```

| a | b |
|---|---|
| 1 | <i>2</i> |
"""


def show_answer(tab: Page, url: str, text: str) -> None:
    turns = [{"role": "user", "content": "Show."}, {"role": "assistant", "content": text, "answers": True}]
    keep(tab, url, "conversation", {"turns": turns})
    tab.show(url)
    tab.wait_for(SHOWN)


def test_an_answer_in_markdown_becomes_elements_whose_text_is_never_run(tab, open_server):
    show_answer(tab, open_server.url, MARKDOWN)
    names = tab.js("[...document.querySelectorAll('.assistant .body *')].map(e => e.nodeName.toLowerCase()).join(' ')")
    assert names == (
        "h3 p strong em code span ul li ul li li blockquote p div div span button pre code "
        "div table thead tr th th tbody tr td td"
    )
    text = tab.js(LAST.format("assistant"))
    assert "here (javascript:document.title=1)" in text and "2 * 3 * 4" in text and "<i>2</i>" in text
    assert tab.js("document.querySelector('pre').textContent") == "<script>document.title = 1</script>"
    assert tab.js("document.title") == "triptych"


@pytest.mark.parametrize("piece", ["*", "[", "`", "_a", "> ", "- ", "# ", "[](", "|", "~~", "  - a\n", "> - \n"])
def test_a_text_of_marks_alone_is_shown_at_once(tab, open_server, piece):
    show_answer(tab, open_server.url, piece * 20_000)
    elapsed = """import('/markdown.js').then(({ markdown }) => { const began = performance.now();
        markdown(%s.repeat(20000), () => ''); window.elapsed = 1 + performance.now() - began; })"""
    tab.js(f"(window.elapsed = 0, {elapsed % json.dumps(piece)}, 0)")
    assert tab.wait_for("window.elapsed") < 3000


def test_the_policy_keeps_scripts_of_others_and_html_out(body):
    run = "const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)"
    body.js(f"(() => {{ try {{ {run} }} catch {{}} }})()")
    set_html = "(() => { try { document.body.innerHTML = '<p>'; return 'set' } catch (error) { return error.name } })()"
    assert body.js("document.title") == "triptych"
    assert body.js(set_html) == "TypeError"  # trusted types


def test_stop_ends_an_answer_and_keeps_its_text_so_far(tab, open_server):
    body = fresh(tab, open_server.url, tokens=4000)
    body.type("Speak long.")
    body.press("Enter")
    body.wait_for("document.querySelector('.assistant .body')?.textContent.length > 20")
    body.press("Escape")
    body.wait_for(f"{NOTICE} === 'Stopped.'")
    body.wait_for(DONE.format(1))
    assert body.js("document.activeElement.id") == "text"


def test_an_answer_is_made_again_and_a_reload_keeps_the_conversation_until_a_new_one(body, open_server):
    first = ask(body, "When did they meet?")
    body.js(
        "[['temperature', 0.8], ['seed', 1]].forEach(([name, value]) => document.getElementById(name).value = value)"
    )
    click(body, "Regenerate")
    body.wait_for(DONE.format(1))
    again = body.js(LAST.format("assistant"))
    assert again and again != first
    body.show(open_server.url)
    body.wait_for(SHOWN)
    assert (body.js(LAST.format("user")), body.js(LAST.format("assistant"))) == ("When did they meet?", again)
    click(body, "New chat")
    body.show(open_server.url)
    body.wait_for(SHOWN)
    assert body.js("document.querySelectorAll('.turn').length") == 0


EMPTY = """(() => {
    const asked = window.fetch;
    const chunk = {model: "tiny-instruct/1", choices: [{delta: {content: ""}, finish_reason: "stop"}]};
    const events = `data: ${JSON.stringify(chunk)}\\n\\ndata: [DONE]\\n\\n`;
    window.fetch = (path, ...rest) => path.endsWith("/completions") ? new Response(events) : asked(path, ...rest);
})()"""


def test_an_answer_that_ends_before_its_first_word_is_said_to_be_empty(body):
    body.js(EMPTY)
    body.type("Are you there?")
    body.press("Enter")
    body.wait_for(f"{NOTICE}.startsWith('The model ended its answer before the first word')")
    assert body.js("document.getElementById('text').value") == "Are you there?"


def test_an_answer_is_judged_and_corrected_by_keyboard_and_a_reload_shows_it(body, open_server, home):
    answer = ask(body, "When did they part?")
    body.js("document.querySelector('[aria-label=\"Bad answer\"]').focus()")
    body.press("Enter")
    body.wait_for("document.querySelector('[aria-label=\"Bad answer\"]').ariaPressed === 'true'")
    click(body, "Correct")
    assert body.js("document.activeElement.value") == answer
    body.js("document.activeElement.value = ''")
    body.type("In the autumn.")
    click(body, "Save correction")
    body.wait_for("!document.querySelector('.correction')")
    assert body.js("document.activeElement.textContent") == "Correct"
    rating, correction = [entry for entry in entries(home) if entry.prompt == "When did they part?"]
    assert (rating.rating, rating.model, rating.answer) == ("down", "tiny-instruct/1", answer)
    assert correction.correction == "In the autumn." and (correction.response_id or "").startswith("chatcmpl-")
    body.show(open_server.url)
    body.wait_for(SHOWN)
    assert body.js("document.querySelector('[aria-label=\"Bad answer\"]').ariaPressed") == "true"
    assert complaints(body) == []


NAMELESS = """[...document.querySelectorAll('button, textarea, input, select')].filter(e => !(
    e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML).join()"""


def test_every_control_beside_an_answer_has_a_name_and_fits_a_phone(body, open_server):
    ask(body, "hello")
    body.show(open_server.url, width=390, height=844)
    body.wait_for(SHOWN)
    click(body, "Correct")
    assert body.js(NAMELESS) == ""
    assert body.js("document.documentElement.scrollWidth") <= 390


def test_another_model_of_the_registry_can_be_chosen(body):
    options = body.js("[...document.getElementById('model').options].map(o => o.textContent).join('; ')")
    assert options == "tiny-instruct/1 · champion; tiny-base/1"
    body.js("document.getElementById('model').value = 'tiny-base@candidate'")
    body.js("document.getElementById('model').dispatchEvent(new Event('change'))")
    assert body.js("document.getElementById('name').textContent") == "tiny-base/1"
    ask(body, "hello")
    assert body.js("document.querySelector('.acts span').textContent").startswith("tiny-base/1 · ")


def test_a_conversation_that_outgrows_the_model_is_shortened_without_a_failed_request(tab, open_server):
    long = "They met in the spring of that year. " * 900  # with their answers three such are more than the context
    turns = [{"role": role, "content": text} for text in (long, "first") for role in ("user", "assistant")] * 2
    keep(tab, open_server.url, "conversation", {"turns": turns})
    tab.show(open_server.url)
    tab.wait_for(SHOWN)
    tab.js("document.getElementById('tokens').value = 12")
    tab.js("document.getElementById('temperature').value = 0")
    assert ask(tab, "And then?")
    assert "oldest turns" in tab.js(NOTICE)
    click(tab, "New chat")
    tab.js("document.getElementById('text').focus()")
    tab.type(long * 4)
    tab.press("Enter")
    tab.wait_for(f"{NOTICE}.includes('shorten it')")
    assert tab.js("document.getElementById('text').value.length") > len(long)
    assert complaints(tab) == []


def test_a_server_that_is_gone_is_reported_in_plain_words_and_the_message_goes_back(tab, home, tmp_path):
    with serving(home, tmp_path) as server:
        fresh(tab, server.url)
    tab.type("Are you there?")
    tab.press("Enter")
    tab.wait_for(f"{NOTICE}.startsWith('The server no longer answers: start it again with `triptych serve`')")
    assert tab.js("document.getElementById('text').value") == "Are you there?"


def test_where_keys_are_required_the_page_shows_a_field_for_one(tab, guarded, key):
    tab.show(guarded.url)
    tab.wait_for("document.activeElement.id === 'key'")
    assert "a key is required" in tab.js(NOTICE)
    tab.type(key)
    tab.press("Enter")
    tab.wait_for(SHOWN)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_in_colours_that_can_be_read(body, open_server, scheme):
    body.show(open_server.url, width=390, height=844, dark=scheme == "dark")
    assert body.js("document.documentElement.scrollWidth") <= 390
    assert body.js("document.getElementById('send').getBoundingClientRect().right") <= 390
    ink, ground = (body.js(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    assert contrast(ink, ground) > 7  # WCAG 2.2, level AAA


def test_the_conversation_is_a_log_inside_the_main_landmark(body):
    assert body.js("document.querySelector('main:not([role]) > [role=log]').id") == "turns"
    outside = "[...document.body.children].filter(e => !e.matches('header, main, footer, dialog, noscript')).length"
    assert body.js(outside) == 0


def contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminances, "rgb(r, g, b)" (WCAG 2.2, relative luminance)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
