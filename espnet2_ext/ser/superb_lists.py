"""SUPERB's validation lists of IEMOCAP, rebuilt from what S3PRL publishes.

S3PRL publishes, for each tested session, the turns of the other four in an order. At every
start it seeds PyTorch with 0 and lets ``random_split`` choose int(0.8 n) of the n turns to
train on; the others validate.

So the lists follow from the order, and from a generator that is the same on every machine.
The order of dialogues is that of ``os.listdir`` on the publisher's disk: no rule gives it.
It is read from the published files, which are fetched once and compared with their sha256;
what comes out is compared with its sha256, too.

Source: github.com/s3prl/s3prl (Apache-2.0), ``s3prl/downstream/emotion/expert.py`` and
``meta_data/Session{1..5}/train_meta_data.json``, unchanged since 2022; its newer
``s3prl/problem/common/superb_er.py`` splits in the same way.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from espnet2_ext.data.download import RemoteFile, download

SEED = 0
VALID_RATIO = 0.2
COMMIT = "ec8064b5889f81ca460fbe2c094ce576a6f120b7"
URL = f"https://raw.githubusercontent.com/s3prl/s3prl/{COMMIT}/s3prl/downstream/emotion/meta_data"
REMEDY = "give the folder downstream/emotion/meta_data of a copy of S3PRL as superb_lists"


@dataclass(frozen=True)
class PublishedList:
    """What is known of a published file and of the validation list that comes of it.

    Attributes:
        size_bytes: of the file.
        sha256: of the file.
        valid_sha256: of the validation turns, sorted, one a line.
    """

    size_bytes: int
    sha256: str
    valid_sha256: str


PUBLISHED = {
    "Ses01": PublishedList(
        510511,
        "198c0fc2f6ac98ead33eeddc22d44dc37ab9beae7202ce0259661f6018d498a0",
        "33c8de5c79e5e8cea79faf09011a97aa9e418b5dbaa1a3602cec5ecc82040304",
    ),
    "Ses02": PublishedList(
        517881,
        "4ae76fff972ac9c0b7624c7c40483f49459ad18c56578c65181f664dee942d14",
        "00f791a1337ba72c38dffd352e0af0fd7acf6d0180c97793108d9445f87296bd",
    ),
    "Ses03": PublishedList(
        503059,
        "3866e3f503b3b9c787164ca63d85e092c664d5f8760b4861480603f32c14f10a",
        "d3d99472e551388e03c2ec74718e2a7a09cb03e578cac4edaa82dd8ffbdb91c4",
    ),
    "Ses04": PublishedList(
        516961,
        "e000c70412b2bbe4d6a5197025231ea8d69a9c1d26cb66e611315f2175955b19",
        "85dfd624b3f014bf53d49b8e22977243a9c0b7da6850046f3a5892d63687483a",
    ),
    "Ses05": PublishedList(
        493315,
        "bd0bcd3aabf847a867926375337de63d48907f852a1fd9192151cb2663a3fad4",
        "14b9e23610ff3b082413f4dba47d06268aa042cb5adfa2656d396cc11c512076",
    ),
}
"""By tested session, named as in our data directory."""


@dataclass(frozen=True)
class SuperbSplit:
    """The turns of four sessions, such as ``Ses02F_impro03_M000``, in the order of the split.

    Attributes:
        train: 80 %, rounded down.
        valid: the others.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...]


def read_superb(folder: str | Path) -> dict[str, SuperbSplit]:
    """Return the split for each tested session.

    Args:
        folder: has ``Session<i>/train_meta_data.json``, as ``meta_data`` of S3PRL; files
            that are not there are fetched.

    Raises:
        DownloadError: a file is not there and cannot be fetched.
        ValueError: a file, or the list that comes of it, is not S3PRL's.
    """
    splits = {}
    for session, published in PUBLISHED.items():
        name = f"Session{session[-1]}/train_meta_data.json"
        path = Path(folder) / name
        if not path.is_file():  # what is there may be somebody's copy of S3PRL
            checksum = f"sha256:{published.sha256}"
            remote = RemoteFile(f"{URL}/{name}", published.size_bytes, checksum, REMEDY)
            download(remote, path, show=False)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != published.sha256:
            raise ValueError(f"{path}: not the file that S3PRL publishes ({URL}/{name})")
        split = split_turns([Path(turn["path"]).stem for turn in json.loads(content)["meta_data"]])
        lines = "".join(f"{turn}\n" for turn in sorted(split.valid))
        if hashlib.sha256(lines.encode()).hexdigest() != published.valid_sha256:
            raise ValueError(
                f"{path}: this version of PyTorch permutes otherwise, so SUPERB's validation list "
                "does not come out; use the version that tools/setup.sh installs"
            )
        splits[session] = split
    return splits


def split_turns(turns: Sequence[str]) -> SuperbSplit:
    """Return what S3PRL makes of turns in their published order.

    A generator of its own gives what the global one gives after ``torch.manual_seed(0)``.
    """
    # Other protocols need no PyTorch, which takes seconds to load.
    import torch
    from torch.utils.data import Dataset, random_split

    num_train = int((1 - VALID_RATIO) * len(turns))
    parts = random_split(
        cast(Dataset, turns),
        [num_train, len(turns) - num_train],
        generator=torch.Generator().manual_seed(SEED),
    )
    train, valid = (tuple(turns[index] for index in part.indices) for part in parts)
    return SuperbSplit(train, valid)
