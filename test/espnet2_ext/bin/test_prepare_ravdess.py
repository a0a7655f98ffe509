"""The command of RAVDESS: options reach the parser, faults are one line."""

from pathlib import Path

import pytest
from reference.acted_copies import wav_bytes

from espnet2_ext.bin.prepare_ravdess import main
from espnet2_ext.data.tables import read_table


def test_options_reach_the_corpus(tmp_path: Path):
    (tmp_path / "Actor_01").mkdir()
    for number in (1, 2):
        path = tmp_path / f"Actor_01/03-01-0{number}-01-01-01-01.wav"
        path.write_bytes(wav_bytes(48000, number=number))
    options = ["--db", str(tmp_path), "--data", str(tmp_path / "data")]
    with pytest.raises(SystemExit, match="^prepare_ravdess: .*not a whole RAVDESS: 2 of 1440 utt"):
        main(options)
    main([*options, "--allow_incomplete"])
    assert list(read_table(tmp_path / "data/ravdess/utt2emo").values()) == ["neutral"]
    main([*options, "--allow_incomplete", "--classes", "8"])
    assert list(read_table(tmp_path / "data/ravdess_8/utt2emo").values()) == ["neutral", "calm"]


def test_wrong_folder_is_one_line(tmp_path: Path):
    with pytest.raises(
        SystemExit, match="^prepare_ravdess: .*nowhere: is not there; exp"
    ) as caught:
        main(["--db", str(tmp_path / "nowhere"), "--data", str(tmp_path)])
    assert "\n" not in str(caught.value)
