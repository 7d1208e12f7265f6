"""The files of one commit on a hub: size and hash are asked first, and a transfer goes on where it broke off.

A file has its name only once it is whole and verified; until then it is FILE.partial.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tasks.errors import UserError
from tasks.home import Home
from tasks.models.hub_place import HubPlace
from tasks.progress import progress, say
from tasks.readable_numbers import bytes_in_words
from tasks.store.hashing import file_sha256

OTHERWISE = "give the path of a folder of your own"  # where a hub does not help
SPARE_BYTES = 256 << 20  # left free on the disk
WORTH_A_LINE = 10_000_000  # bytes
SHA256_LETTERS = 64
PARTIAL = ".partial"


@dataclass(frozen=True)
class RemoteFile:
    """One file of a commit on the hub."""

    name: str
    url: str
    size: int
    sha256: str | None  # None: it is small, and the hub states no hash of its content


@dataclass(frozen=True)
class Remote:
    """The files of one commit, and the folder that they go to."""

    place: HubPlace
    commit: str
    folder: Path

    def fetch(self, names: Sequence[str], home: Home) -> dict[str, str]:
        """Those that are not here; the hashes of all that the hub states one of."""
        files = [self._look_up(name) for name in names]
        missing = [file for file in files if not self._is_here(file)]
        total = sum(file.size - self._begun(file) for file in missing)
        if total + SPARE_BYTES > home.free_bytes() and total:
            what = f"{self.place.title}: {bytes_in_words(total)} are to be downloaded, and the disk of {home} has "
            raise UserError(f"{what}{bytes_in_words(home.free_bytes())}", "free some space, or move TRIPTYCH_HOME")
        if total > WORTH_A_LINE:
            say(f"  downloading {bytes_in_words(total)} of {self.place.title}, once")
        with progress(f"downloading {self.place.name}", total // 1000 + 1, "kB") as advance:
            counted = _Thousands(advance)
            for file in missing:
                self._fetch(file, counted)
        return {file.name: file.sha256 for file in files if file.sha256}

    def _look_up(self, name: str) -> RemoteFile:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.utils import build_hf_headers

        url = hf_hub_url(self.place.name, name, revision=self.commit)
        stated = get_hf_file_metadata(url, headers=build_hf_headers())
        if stated.size is None:
            raise UserError(f"{self.place.title}: the hub does not say how large {name} is", OTHERWISE)
        etag = stated.etag or ""
        return RemoteFile(name, url, stated.size, etag if len(etag) == SHA256_LETTERS else None)

    def _is_here(self, file: RemoteFile) -> bool:
        """A file has its name only once it is whole and verified."""
        path = self.folder / file.name
        return path.is_file() and path.stat().st_size == file.size

    def _begun(self, file: RemoteFile) -> int:
        partial = self._partial(file)
        return partial.stat().st_size if partial.is_file() else 0

    def _partial(self, file: RemoteFile) -> Path:
        path = self.folder / file.name
        return path.with_name(path.name + PARTIAL)

    def _fetch(self, file: RemoteFile, count: "_Thousands") -> None:
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        partial, path = self._partial(file), self.folder / file.name
        partial.parent.mkdir(parents=True, exist_ok=True)
        if self._begun(file) > file.size:
            partial.unlink()
        begun = self._begun(file)
        if begun:
            say(f"  {file.name}: going on after {bytes_in_words(begun)} of {bytes_in_words(file.size)}")
        with partial.open("ab") as out:
            http_get(
                file.url,
                out,
                resume_size=begun,
                headers=build_hf_headers(),
                expected_size=file.size,
                displayed_filename=file.name,
                tqdm_class=cast(Any, count.bar),
            )
        if partial.stat().st_size != file.size or (file.sha256 and file_sha256(partial) != file.sha256):
            partial.unlink()
            what = f"{self.place.title}: {file.name} is not what the hub lists under its hash"
            raise UserError(what, "run again, which downloads it anew; where it stays so, the hub's copy is damaged")
        partial.replace(path)


class _Thousands:
    """Bytes counted towards a progress of thousands of them; `bar` is what huggingface_hub takes for a tqdm."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance, self._rest = advance, 0

    def bar(self, **_: Any) -> "_Thousands":
        return self

    def update(self, count: int) -> None:
        thousands, self._rest = divmod(self._rest + count, 1000)
        self._advance(thousands)

    def __enter__(self) -> "_Thousands":
        return self

    def __exit__(self, *_: object) -> None:
        return
