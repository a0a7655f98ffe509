"""The command of CREMA-D: options reach the parser, faults are one line."""

from pathlib import Path

import pytest
from reference.acted_copies import wav_bytes

from espnet2_ext.bin.prepare_crema_d import main
from espnet2_ext.data.tables import read_table


def test_options_reach_the_corpus(tmp_path: Path):
    for emotion in ("ANG", "FEA"):
        (tmp_path / f"1001_DFA_{emotion}_XX.wav").write_bytes(wav_bytes(16000))
    options = ["--db", str(tmp_path), "--data", str(tmp_path / "data")]
    with pytest.raises(SystemExit, match="^prepare_crema_d: .*not a whole CREMA-D: 2 of 7442 utt"):
        main(options)
    main([*options, "--allow_incomplete"])
    assert list(read_table(tmp_path / "data/crema_d/utt2emo")) == ["1001-1001_DFA_ANG_XX"]
    main([*options, "--allow_incomplete", "--classes", "6"])
    assert list(read_table(tmp_path / "data/crema_d_6/utt2emo").values()) == ["angry", "fearful"]


def test_wrong_folder_is_one_line(tmp_path: Path):
    with pytest.raises(
        SystemExit, match="^prepare_crema_d: .*nowhere: is not there; exp"
    ) as caught:
        main(["--db", str(tmp_path / "nowhere"), "--data", str(tmp_path)])
    assert "\n" not in str(caught.value)
