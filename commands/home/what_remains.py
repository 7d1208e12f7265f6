"""What forgetting leaves: files that quote, labels that were only these documents', words that are tokens of a model.

Copies in MLflow's runs and reports are removed. Registered models are sealed and databases are other programs': what
they hold is reported with what to do about it.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from commands.home.text_overlaps import Quotes, words_of
from tasks.errors import UserError
from tasks.home import Home
from tasks.tracking.model_version import Version

TOKENIZER = "tokenizer.json"
MIN_LETTERS = 4  # of a word that tells something as a token, and
MIN_LABEL_LETTERS = 3  # of a label that can be looked for


def erase_copies(home: Home, quotes: Quotes, labels: Quotes, words: Collection[str]) -> Iterator[Path]:
    """Removes the files of MLflow's runs that quote, name a label or hold a word as a token, and reports that do."""
    for path in _copies(home):
        if quotes.within_file(path) or labels.within_file(path) or words_as_tokens(path, words):
            path.unlink()
            yield path


def label_quotes(labels: Collection[str]) -> Quotes:
    """Labels to look for, as the words that they consist of."""
    words = (words_of(label) for label in labels)
    return Quotes(tuple(each) for each in words if len("".join(each)) >= MIN_LABEL_LETTERS)


def quoting(home: Home, quotes: Quotes) -> Iterator[Path]:
    """The files of the home that quote: looked for everywhere, whatever wrote them."""
    if quotes.runs:
        yield from (path for path in _files(home.path) if quotes.within_file(path))


def naming(home: Home, labels: Quotes) -> Iterator[Path]:
    """The files in which a label stands: of the store, all that was made of the documents is gone already.

    Files that name documents may say the same word, and are not meant.
    """
    apart = (home.store, home.tombstones, home.corpora, home.listings, home.forgotten, home.audit)
    if labels.runs:
        rest = (path for path in _files(home.path) if not any(path.is_relative_to(folder) for folder in apart))
        yield from (path for path in rest if labels.within_file(path))


def tokens_left(home: Home, words: Collection[str]) -> dict[str, list[str]]:
    """Files of the home's tokenizers → the words that are tokens there."""
    left = {path: words_as_tokens(path, words) for path in _files(home.path) if path.name == TOKENIZER}
    return {str(path.relative_to(home)): tokens for path, tokens in left.items() if tokens}


def words_as_tokens(path: Path, words: Collection[str]) -> list[str]:
    """Those of the words that are tokens of that tokenizer; none where the file is none with a list of tokens."""
    if path.name != TOKENIZER or not words:
        return []
    from model.token_bytes import token_texts
    from tasks.models.vocabulary import read_object

    try:
        tokens = {text.strip().lower() for text in token_texts(read_object(path))}
    except (UserError, LookupError, TypeError, ValueError):
        return []
    return sorted(word for word in tokens.intersection(words) if len(word) >= MIN_LETTERS)


def fix_of(path: str, versions: Collection[Version], home: Home) -> str:
    """How a person removes what is left in a file of the home."""
    place = home / path
    owner = next((v for v in versions if place.is_relative_to(v.folder)), None)
    if owner:
        return f"delete {owner.full_name} in MLflow's page, then `mlflow gc`; the next run makes one without it"
    if place == home.mlflow_database:
        return "delete the versions and runs that were made of it in MLflow's page, then `mlflow gc`"
    if place.is_relative_to(home.prefect):
        return "triptych up --stop, then move the home's folder `prefect` away: it holds the history of runs, no result"
    return f"rm '{place}'"


def _copies(home: Home) -> Iterator[Path]:
    """Files of MLflow's runs, but not those of registered models; and reports."""
    tracked = sorted(home.mlflow_artifacts.glob("*/*/artifacts/**/*"))
    runs = [path for path in tracked if path.relative_to(home.mlflow_artifacts).parts[1] != "models"]
    yield from (path for path in (*runs, *sorted(home.reports.glob("*.html"))) if path.is_file())


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
