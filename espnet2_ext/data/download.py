"""Download one file so that it can be interrupted at any point and is never half there.

What has arrived stands in ``<file>.part``; a rerun asks the server for the rest. Only a
file of the right size and checksum gets its name.
"""

import hashlib
import http.client
import logging
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 18
_TIMEOUT_S = 60
_WAIT_S = (1.0, 4.0, 16.0)
"""Before each further attempt; servers ask for such pauses when they are busy."""
_PASSING_STATUSES = (408, 429, 500, 502, 503, 504)


class DownloadError(OSError):
    """A file that could not be downloaded; the message is one line naming URL and remedy."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of the network and what is known of it.

    Attributes:
        url: http or https.
        size_bytes: None where unknown.
        checksum: ``md5:<hex>`` or ``sha256:<hex>``; None where unknown.
        remedy: what else can be done, such as where to get the file by hand.
    """

    url: str
    size_bytes: int | None = None
    checksum: str | None = None
    remedy: str = "fetch it by hand from there"


def download(
    remote: RemoteFile, path: str | Path, *, show: bool = True, wait_s: tuple[float, ...] = _WAIT_S
) -> Path:
    """Return ``path`` after downloading the file to it, unless it is there already.

    Args:
        remote: what to download.
        path: gets its name only when it is whole.
        show: a bar of bytes with rate and time left.
        wait_s: pauses before further attempts after a passing failure; empty for one attempt.

    Raises:
        DownloadError: the server cannot be reached or refuses, the connection breaks every
            time, or size or checksum is wrong. What has arrived is kept for the next run,
            but for what is wrong.
    """
    path = Path(path)
    if path.is_file() and remote.size_bytes in (None, path.stat().st_size):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    for attempt in range(1 + len(wait_s)):
        try:
            _fetch_rest(remote, part, path.name, show)
            break
        except _Passing as error:
            if attempt == len(wait_s):
                raise DownloadError(
                    f"{remote.url}: {error}; run it again, it goes on from there, or "
                    f"{remote.remedy}"
                ) from error
            logger.warning("%s: %s; trying again in %g s", remote.url, error, wait_s[attempt])
            time.sleep(wait_s[attempt])
    _check(remote, part)
    part.replace(path)
    return path


class _Passing(Exception):
    """A failure that may not happen again."""


def _fetch_rest(remote: RemoteFile, part: Path, name: str, show: bool) -> None:
    """Append to ``part`` what it lacks, or write it from the beginning.

    Raises:
        _Passing: the server could not be reached or is busy, or the connection broke.
        DownloadError: the server refuses.
    """
    start = _resume_at(remote, part)
    if start == remote.size_bytes:
        return
    headers = {"User-Agent": "espnet2_ext"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(remote.url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            if start and response.status != 206:
                logger.info("%s: the server sends no parts; from the beginning", remote.url)
                start = 0
            length = response.headers.get("Content-Length")
            total = start + int(length) if length is not None else remote.size_bytes
            received = _copy(response, part, start, total, name, show)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:
            # What is there is not the beginning of the file.
            part.unlink()
            raise _Passing("what had arrived does not fit what the server has") from error
        if error.code in _PASSING_STATUSES:
            raise _Passing(f"the server answers {error.code} {error.reason}") from error
        raise DownloadError(
            f"{remote.url}: the server answers {error.code} {error.reason}; {remote.remedy}"
        ) from error
    except urllib.error.URLError as error:
        raise _Passing(f"cannot be reached ({error.reason}); is there a network?") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Passing(f"the connection broke ({error or type(error).__name__})") from error
    if total is not None and received < total:
        raise _Passing(f"the connection broke after {received} of {total} bytes")


def _resume_at(remote: RemoteFile, part: Path) -> int:
    """Return how many bytes need not be asked for again.

    None, where nothing is known by which a mixture of two files would be noticed.
    """
    if not part.is_file() or (remote.size_bytes is None and remote.checksum is None):
        return 0
    present = part.stat().st_size
    return present if remote.size_bytes is None or present <= remote.size_bytes else 0


def _copy(
    response: http.client.HTTPResponse,
    part: Path,
    start: int,
    total: int | None,
    name: str,
    show: bool,
) -> int:
    """Write the body behind the first ``start`` bytes and return how many there are then."""
    received = start
    with (
        open(part, "ab" if start else "wb") as stream,
        tqdm(
            total=total,
            initial=start,
            desc=name,
            unit="B",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=1.0,
            disable=not show,
        ) as bar,
    ):
        while block := response.read(_BLOCK_BYTES):
            stream.write(block)
            received += len(block)
            bar.update(len(block))
    return received


def _check(remote: RemoteFile, part: Path) -> None:
    """Raise a DownloadError, and remove the file, where size or checksum is wrong."""
    size_bytes = part.stat().st_size
    fault = None
    if remote.size_bytes not in (None, size_bytes):
        fault = f"{size_bytes} bytes arrived, {remote.size_bytes} are expected"
    elif remote.checksum is not None:
        method, _, expected = remote.checksum.partition(":")
        with open(part, "rb") as stream:
            found = hashlib.file_digest(stream, method).hexdigest()
        if found != expected:
            fault = f"its {method} is {found}, {expected} is expected"
    if fault:
        part.unlink()
        raise DownloadError(
            f"{remote.url}: {fault}; removed, run it again for another attempt, or {remote.remedy}"
        )
