"""The space that some tokenizers put before a text: not in an answer, and there where a text goes on."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from anyio import run

from model import hub
from model.decoder import Decoder
from serve.decoder_engine import DecoderEngine
from serve.engine import ModelFiles
from tasks.models.prompting import PromptBuilder
from tests.model.shapes import SHAPES
from tests.serve.stand_in import CHAT, Follower, client_of
from tests.tasks.models.published import KINDS
from tests.tasks.models.templates import LLAMA2


def test_an_answer_has_no_space_before_it_and_a_continuation_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    KINDS["llama2"].save(tmp_path, LLAMA2)
    shape = SHAPES["llama"].model_copy(update={"vocabulary": 512, "context": 128})
    hub.save(Decoder(shape), tmp_path)
    builder = PromptBuilder(tmp_path)
    ids = builder.vocabulary.encode("The house stands")
    monkeypatch.setattr("model.generate.generate", lambda *_, **__: (id for id in ids))
    files: Any = SimpleNamespace(weights=tmp_path, vocabulary=builder.vocabulary)
    follower = Follower()
    follower.served.prompt_builder, follower.served.engine = builder, DecoderEngine(cast(ModelFiles, files))

    async def both() -> tuple[str, str]:
        async with client_of(follower) as client:
            chat = (await client.post("/v1/chat/completions", json=CHAT)).json()
            text = (await client.post("/v1/completions", json={"prompt": "x"})).json()
        return chat["choices"][0]["message"]["content"], text["choices"][0]["text"]

    assert run(both) == ("The house stands", " The house stands")
