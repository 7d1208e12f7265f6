"""What a library raises over a file that somebody else made, as the error of one file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import UserError


@contextmanager
def reading(file: Path, what: str) -> Iterator[None]:
    """UserError in place of any failure inside, also of a panic in Rust, which is no Exception."""
    try:
        yield
    except UserError:
        raise
    except BaseException as error:  # `tokenizers` has no narrower one
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        from model.hub_config import WeightsError

        if isinstance(error, WeightsError):
            raise UserError(error.what, error.cure) from error
        raise UserError(f"{file}: {what} ({type(error).__name__}: {error})", "copy it again") from error
