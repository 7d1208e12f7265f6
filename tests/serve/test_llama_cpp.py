"""llama.cpp as the engine of a tiny model: what it generates, and how it starts, fails, is replaced and ends."""

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model import gguf_file, hub
from model.decoder import Decoder, initialise
from model.depth import from_depth
from model.hub_files import read_shape
from serve.decoder_engine import DecoderEngine
from serve.engine import EngineError, Generated, ModelFiles, Sampling
from serve.engine_choice import QUANTS, load_engine
from serve.llama_cpp import LlamaCppEngine, plan_memory
from tasks.errors import UsageError
from tasks.home import Home
from tasks.models.vocabulary import SPECIALS, Vocabulary
from tests.tasks.models.byte_level import tokenizer_folder, write_tokenizer

pytest.importorskip("xllamacpp")
GREEDY = Sampling(24, 0.0, 1.0, 0, frozenset())
FIRST_SPECIAL = 258
NO_SPECIALS = {FIRST_SPECIAL + number: -100.0 for number in range(len(SPECIALS))}
SCHEMA = '{"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": false}'


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    folder = tokenizer_folder(tmp_path_factory.mktemp("model") / "tiny", SPECIALS)
    write_tokenizer(folder, SPECIALS, merges=[("t", "h"), ("th", "e")])
    shape = from_depth(2, 258 + len(SPECIALS), 4096, "llama", width=32, heads=2, kv_heads=2)
    decoder = initialise(Decoder(shape), seed=3)
    with torch.no_grad():
        decoder.head_weight_vd[FIRST_SPECIAL:] = 0  # never the likeliest
    hub.save(decoder, folder)
    return ModelFiles(folder, "", Vocabulary(folder))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def engine(files: ModelFiles, home: Home) -> LlamaCppEngine:
    """With f32 weights, so that it can be compared."""
    engine = load_engine(home, "llama.cpp", "f32", slots=4)(files)
    assert isinstance(engine, LlamaCppEngine)
    return engine


def generated(engine: LlamaCppEngine | DecoderEngine, prompt: list[int], sampling: Sampling) -> list[Generated]:
    async def run() -> list[Generated]:
        return [part async for part in engine.generate(prompt, sampling)]

    return asyncio.run(run())


def text(parts: list[Generated]) -> bytes:
    return b"".join(part.data for part in parts)


def changed(**settings) -> Sampling:
    return replace(GREEDY, **settings)


def test_temperature_0_gives_the_decoders_text_with_its_probabilities(engine, files):
    prompt = files.vocabulary.encode("the cat 🦙")
    decoder = DecoderEngine(files)
    ours, theirs = (generated(one, prompt, changed(logprobs=2)) for one in (decoder, engine))
    assert [part.scores[0].id for part in theirs] == [part.scores[0].id for part in ours]
    assert text(theirs) == text(ours)
    for one, other in zip(ours, theirs, strict=True):
        assert other.scores[0].logprob == pytest.approx(one.scores[0].logprob, abs=2e-3)
        assert len(other.scores[0].likeliest) == 2


def test_a_text_in_pieces_is_of_whole_characters_and_its_tokens_are_all_counted(engine, files):
    sampling = changed(temperature=1.0, seed=5, max_tokens=60, logit_bias=NO_SPECIALS)
    parts = generated(engine, files.vocabulary.encode("the"), sampling)
    assert sum(part.tokens for part in parts) == 60
    assert text(generated(engine, files.vocabulary.encode("the"), sampling)) == text(parts)
    assert text(generated(engine, files.vocabulary.encode("the"), replace(sampling, seed=6))) != text(parts)


def test_an_id_that_ends_the_text_ends_it_and_is_no_part_of_it(engine, files):
    ids = [part.scores[0].id for part in generated(engine, [1, 2, 3], changed(logprobs=0))]
    end = ids[5]
    parts = generated(engine, [1, 2, 3], changed(stop=frozenset({end})))
    assert parts[-1].is_end and parts[-1].data == b""
    assert sum(part.tokens for part in parts) == ids.index(end) + 1


def test_json_of_a_schema_is_kept_to_and_a_schema_that_llama_cpp_would_leave_out_is_known(engine):
    async def run() -> tuple[bool, bool]:
        return await engine.keeps_to(SCHEMA), await engine.keeps_to('{"type": "array", "uniqueItems": true}')

    assert asyncio.run(run()) == (True, False)
    for seed in range(3):
        parts = generated(engine, [1, 2, 3], changed(json_schema=SCHEMA, temperature=2.0, seed=seed))
        assert json.loads(text(parts)) in ({"a": 1}, {"a": 2})


def test_a_bias_decides(engine, files):
    (wanted,) = files.vocabulary.encode("the")
    assert text(generated(engine, [1, 2, 3], changed(logit_bias={wanted: 100.0}, max_tokens=3))) == b"thethethe"


def test_an_answer_that_nobody_reads_any_more_ends_its_work(engine):
    async def run() -> bool:
        parts = engine.generate([1, 2, 3], changed(max_tokens=4000, temperature=1.0, logit_bias=NO_SPECIALS))
        await anext(parts)
        await parts.aclose()
        for _ in range(10):
            before = cpu_seconds(engine)
            await asyncio.sleep(0.3)
            if cpu_seconds(engine) - before < 0.05:
                return True
        return False

    assert asyncio.run(run())


def cpu_seconds(engine: LlamaCppEngine) -> float:
    fields = Path(f"/proc/{engine.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_killed_process_fails_its_answers_and_the_next_request_starts_another(engine, capsys):
    async def run() -> None:
        parts: AsyncGenerator[Generated] = engine.generate(
            [1, 2, 3], changed(max_tokens=4000, temperature=1.0, logit_bias=NO_SPECIALS)
        )
        await anext(parts)
        os.kill(engine.pid, 9)
        with pytest.raises(EngineError, match=r"llama\.cpp failed"):
            _ = [part async for part in parts]
        assert not engine.is_ready
        assert text([part async for part in engine.generate([1, 2, 3], GREEDY)])

    asyncio.run(run())
    assert "it is started again" in capsys.readouterr().err and engine.is_ready


def test_the_process_ends_with_the_last_who_holds_the_engine(files, home):
    engine = load_engine(home, "llama.cpp", "f32", slots=1)(files)
    pid = engine.pid
    del engine
    assert not Path(f"/proc/{pid}").exists()


def test_texts_that_share_too_few_cells_wait_for_each_other(files, home):
    shape = read_shape(files.weights)
    bytes_per_token = 2 * 2 * shape.depth * shape.kv_heads * shape.head_width
    engine = load_engine(home, "llama.cpp", "f32", slots=4, cache_bytes=600 * bytes_per_token)(files)
    assert engine.context == 600

    async def run() -> list[bytes]:
        async def one() -> bytes:
            sampling = changed(max_tokens=300)
            return text([part async for part in engine.generate([1, 2, 3] * 60, sampling)])

        return await asyncio.gather(*(one() for _ in range(4)))

    texts = asyncio.run(run())
    assert len(set(texts)) == 1 and texts[0]


def test_memory_is_planned_within_its_budget():
    plan = plan_memory(context=8192, bytes_per_token=1000, slots=4, budget=8192 * 4 * 1000)
    assert (plan.context, plan.cells, plan.shared) == (8192, 4 * 8192, False)
    plan = plan_memory(context=8192, bytes_per_token=1000, slots=16, budget=20_000_000)
    assert (plan.context, plan.cells, plan.shared) == (8192, 20_000, True)
    plan = plan_memory(context=131_072, bytes_per_token=1000, slots=16, budget=20_000_000)
    assert plan.context == plan.cells == 20_000


def test_scores_of_a_given_text_are_the_decoders(engine, files):
    ids = files.vocabulary.encode("the cat and the dog")
    first, *scores = asyncio.run(engine.score(ids, 1))
    assert first.logprob is None and [score.id for score in scores] == ids[1:]
    assert scores == asyncio.run(DecoderEngine(files).score(ids, 1))[1:]


def test_embeddings_have_length_1_and_tell_texts_apart(engine):
    one, other = asyncio.run(engine.embed([[5, 6, 7], [40, 41]]))
    assert sum(x * x for x in one) == pytest.approx(1, abs=1e-3) and one != other


def test_a_file_is_written_once_and_an_engine_that_is_not_there_is_refused(files, home, engine, capsys):
    written = [file.stat().st_ino for file in home.gguf.glob("*.gguf")]
    load_engine(home, "", "f32", slots=1)(files)
    assert [file.stat().st_ino for file in home.gguf.glob("*.gguf")] == written
    assert "is written for llama.cpp" not in capsys.readouterr().err
    assert QUANTS == gguf_file.QUANTS
    with pytest.raises(UsageError, match="there are: f16, f32, q8_0"):
        load_engine(home, "", "q3")
    with pytest.raises(UsageError, match=r"there are: decoder, llama\.cpp, http://"):
        load_engine(home, "vllm")


def test_a_model_that_llama_cpp_cannot_read_is_answered_by_the_decoder_which_says_so(tmp_path, home, capsys):
    folder = tokenizer_folder(tmp_path / "plain", SPECIALS)  # without merges
    shape = from_depth(1, 256 + len(SPECIALS), 64, "llama", width=32, heads=2, kv_heads=2)
    hub.save(initialise(Decoder(shape), seed=0), folder)
    files = ModelFiles(folder, "", Vocabulary(folder))
    begin = time.monotonic()
    assert load_engine(home, "")(files).name == "decoder"
    assert "the decoder answers, as llama.cpp cannot: " in capsys.readouterr().err and time.monotonic() - begin < 60
