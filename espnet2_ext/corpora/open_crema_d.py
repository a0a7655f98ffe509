"""Where the clips of CREMA-D come from: one by one from its repository, at a fixed revision.

The archive of the repository gives sha256 and bytes of every clip (its notes of Git LFS), by
which the clips are checked.
"""

import re
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from espnet2_ext.corpora.archives import opened_zip, unpack_zip, unusable
from espnet2_ext.corpora.lfs_pointers import parse_pointer
from espnet2_ext.data.download import DownloadError, RemoteFile, download

REVISION = "1658cd342dff90010aa843eaeebd53610a08b1dc"
_REMEDY = (
    "clone https://gitlab.com/cs-cooper-lab/crema-d-mirror with Git LFS and give the folder by --db"
)
ARCHIVE = RemoteFile(
    f"https://codeload.github.com/CheyneyComputerScience/CREMA-D/zip/{REVISION}", remedy=_REMEDY
)
CLIPS = f"https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/{REVISION}"

_CLIP = re.compile(r"[^/]+/(AudioWAV/\w+\.wav)", re.ASCII)
_TABLE = re.compile(r"[^/]+/(VideoDemographics\.csv|README\.md|LICENSE\.txt)", re.ASCII)


def fetch_crema_d(folder: Path, num_workers: int) -> None:
    """Put every clip that the repository lists in the folder, each checked by its note.

    Args:
        folder: keeps what arrived when the run is interrupted.
        num_workers: clips at a time.

    Raises:
        ValueError: the archive of the repository cannot be used.
        DownloadError: see `download`.
    """
    archive = download(ARCHIVE, folder / "repository.zip")
    clips: dict[str, RemoteFile] = {}
    with opened_zip(archive, _REMEDY) as stream:
        unpack_zip(stream, _TABLE, folder)
        for member in stream.infolist():
            match = _CLIP.fullmatch(member.filename)
            if match is None:
                continue
            note = parse_pointer(stream.read(member))
            if note is None:
                raise unusable(archive, f"{member.filename} is no note of Git LFS", _REMEDY)
            url = f"{CLIPS}/{match[1]}"
            clips[match[1]] = RemoteFile(url, note[1], f"sha256:{note[0]}", _REMEDY)
    if not clips:
        raise unusable(archive, "holds no AudioWAV/<clip>.wav", _REMEDY)
    _download_all(clips, folder, num_workers)
    archive.unlink()


def _download_all(files: dict[str, RemoteFile], folder: Path, num_workers: int) -> None:
    """Download many small files with one bar; the first failure ends it.

    Raises:
        DownloadError: see `download`.
    """
    total = sum(remote.size_bytes or 0 for remote in files.values())
    jobs: dict[Future[Path], RemoteFile] = {}
    with (
        tqdm(total=total, unit="B", unit_scale=True, dynamic_ncols=True, desc="clips") as bar,
        ThreadPoolExecutor(max(1, num_workers)) as executor,
    ):
        for name, remote in files.items():
            jobs[executor.submit(download, remote, folder / name, show=False)] = remote
        try:
            for job in as_completed(jobs):
                job.result()
                bar.update(jobs[job].size_bytes or 0)
        except (DownloadError, KeyboardInterrupt):
            executor.shutdown(wait=False, cancel_futures=True)
            raise
