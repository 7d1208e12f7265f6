"""What people said of answers, as tables: of the whole home, whichever run made the models."""

import pyarrow as pa

from tasks.feedback.log import entries
from tasks.home import Home

TEXT = (
    *("id", "time", "who", "kind", "model", "prompt_sha256", "prompt", "answer", "rating", "correction", "comment"),
    *("response_id", "other_model", "other_answer", "choice", "forgotten"),
)


def feedback_table(home: Home) -> pa.Table:
    """A row an entry, in the order in which they came; `prompt` is the last turn, `turns` counts all."""
    rows = [{name: getattr(entry, name) for name in TEXT} | {"turns": len(entry.messages)} for entry in entries(home)]
    schema = pa.schema([*((name, pa.string()) for name in TEXT), ("turns", pa.int64())])
    return pa.Table.from_pylist(rows, schema=schema)


def arena_table(home: Home) -> pa.Table:
    """A row a model that stands in a vote, the strongest first within each group."""
    from tasks.arena.votes import ranking_of, standing_rows

    real = ("strength", "low", "high", "elo")
    types = {"model": pa.string(), **dict.fromkeys(real, pa.float64()), "votes": pa.int64(), "group": pa.int64()}
    schema = pa.schema([*types.items(), ("bounded", pa.bool_())])
    return pa.Table.from_pylist(standing_rows(ranking_of(home)), schema=schema)
