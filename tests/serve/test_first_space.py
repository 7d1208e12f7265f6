"""The space that some tokenizers put before a text: not in an answer, and there where a text goes on."""

from pathlib import Path
from types import SimpleNamespace

from anyio import run

from tasks.models.vocabulary import Vocabulary
from tests.serve.stand_in import CHAT, Follower, client_of
from tests.tasks.models.published import KINDS


def test_an_answer_has_no_space_before_it_and_a_continuation_has(tmp_path: Path) -> None:
    vocabulary = Vocabulary(KINDS["llama2"].save(tmp_path))
    ids = vocabulary.encode("The house stands")
    follower = Follower(generate=lambda prompt, sampling: (id for id in ids))
    prompt = ([1], {0})
    builder = SimpleNamespace(of_turns=lambda _: prompt, of_text=lambda _: prompt, answers=True, vocabulary=vocabulary)
    follower.served.prompt_builder = builder

    async def both() -> tuple[str, str]:
        async with client_of(follower) as client:
            chat = (await client.post("/v1/chat/completions", json=CHAT)).json()
            text = (await client.post("/v1/completions", json={"prompt": "x"})).json()
        return chat["choices"][0]["message"]["content"], text["choices"][0]["text"]

    assert run(both) == ("The house stands", " The house stands")
