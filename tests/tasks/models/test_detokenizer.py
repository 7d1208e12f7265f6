"""Text in pieces: the same as the text at once, cut at the first stop sequence."""

from hypothesis import given
from hypothesis import strategies as st

from serve.api_error import ApiError
from serve.limits import Rate
from tasks.models.detokenizer import StopFilter

ALPHABET = "ab é🙂"


@given(st.text(ALPHABET, max_size=30), st.lists(st.text(ALPHABET, min_size=1, max_size=4), max_size=4), st.data())
def test_pieces_add_up_to_the_text_before_the_stop_that_is_complete_first(text, stops, data):
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=len(text.encode()), max_size=len(text.encode())))
    rest, writing, shown = text.encode(), StopFilter(stops), ""
    for size in sizes:
        shown += writing.add(rest[:size])
        rest = rest[size:]
        assert not any(stop in shown for stop in stops)
    shown += writing.add(b"", is_last=True)
    complete = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    assert shown == text[: min(complete)[1] if complete else None]


def test_a_rate_limit_refills_over_time():
    now = [0.0]
    rate = Rate(2, "requests", clock=lambda: now[0])
    outcomes = []
    for second in (0, 0, 0, 29, 30, 31):
        now[0] = second
        try:
            rate.count("laptop")
            outcomes.append("ok")
        except ApiError as error:
            outcomes.append(error.headers["Retry-After"])
    assert outcomes == ["ok", "ok", "30", "1", "ok", "29"]
