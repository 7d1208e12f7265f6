"""A Hugging Face hub as every download of this home uses it: pinned commits, and its failures in words.

Address and token are huggingface_hub's: HF_ENDPOINT, HF_TOKEN or `hf auth login`, HF_HUB_OFFLINE.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import UsageError, UserError
from tasks.store.artifacts import write_durably
from tasks.store.locks import exclusive

COMMIT = re.compile(r"[0-9a-f]{40}")
PINS = "pins.json"


@dataclass(frozen=True)
class Pins:
    """The commit that a branch named at its first download stays the one that this home reads.

    FOLDER/pins.json   {"OWNER/NAME@REVISION": COMMIT}
    """

    folder: Path

    def commit(self, name: str, revision: str) -> str | None:
        """What `revision` of the repository means in this home; None where that is not known yet."""
        return revision if COMMIT.fullmatch(revision) else self._read().get(f"{name}@{revision}")

    def pin(self, name: str, revision: str, resolve: Callable[[], str | None]) -> tuple[str, bool]:
        """The commit, and whether it was pinned only now; one process at a time asks the hub."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self.folder / f"{PINS}.lock"):
            if known := self.commit(name, revision):
                return known, False
            commit = resolve() or ""
            if not COMMIT.fullmatch(commit):
                raise UserError(f"{name}@{revision}: the hub names no commit of it", "give a commit as its revision")
            pins = self._read() | {f"{name}@{revision}": commit}
            write_durably(self.folder / PINS, json.dumps(pins, indent=1).encode())
        return commit, True

    def _read(self) -> dict[str, str]:
        try:
            return json.loads((self.folder / PINS).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            cure = "restore it from a backup, or remove it: each repository is then read at its newest commit"
            raise UserError(f"{self.folder / PINS}: cut or changed", cure) from error


@contextmanager
def hub_failures(name: str, otherwise: str) -> Iterator[None]:
    """Within, a failure of the hub is an error about the repository of that name; `otherwise` is a fix without a hub.

    A message of the library's own is not repeated: it may hold a signed address.
    """
    from huggingface_hub import errors

    offline = (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)
    network = (errors.HTTPError, ConnectionError, TimeoutError)  # pyright: ignore[reportPrivateImportUsage]
    try:
        yield
    except errors.GatedRepoError as error:
        cure = "accept its terms on the hub's page, then `hf auth login`, or set HF_TOKEN"
        raise UserError(f"{name} is gated on the hub, and this token may not read it", cure) from error
    except errors.RevisionNotFoundError as error:
        raise UsageError(f"{name}: the hub has no such revision", "give a branch, a tag or a commit of it") from error
    except errors.RepositoryNotFoundError as error:
        cure = "check its spelling, OWNER/NAME; of a private one: `hf auth login`, or set HF_TOKEN"
        raise UsageError(f"{name}: the hub has no such repository, or this token may not see it", cure) from error
    except offline as error:
        what = f"{name} is not in this home, and nothing is asked of a hub while HF_HUB_OFFLINE is set"
        raise UserError(what, f"unset it for the first download; or {otherwise}") from error
    except errors.HfHubHTTPError as error:
        raise UserError(f"{name} cannot be downloaded: {_status(error)}", f"try again later; or {otherwise}") from error
    except network as error:
        what = f"{name} cannot be downloaded: the hub cannot be reached ({type(error).__name__})"
        raise UserError(what, f"check your network, and HF_ENDPOINT; or {otherwise}") from error
    except OSError as error:
        if error.errno is not None:  # of this machine's disk
            raise
        cure = f"run again, which goes on from there; or {otherwise}"
        raise UserError(f"{name} cannot be downloaded: the transfer was cut off", cure) from error


def _status(error: Exception) -> str:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    reasons = {401: "the token is not valid (401)", 403: "this token may not read it (403)"}
    return reasons.get(status or 0, f"the hub answers {status}" if status else type(error).__name__)
