"""The data entry points, in the order in which a recipe calls them."""

from espnet2_ext.bin import combine_data, filter_length, format_wav, perturb_speed, validate_data
from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import read_table


def test_from_data_to_filtered_dump(tmp_path, make_wav, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        wav = make_wav(f"{name}.wav", duration_s=0.3)
        write_data_directory(f"data/{name}", [Utterance(f"{name}-1", name, str(wav))])
    combine_data.main(["--out_dir", "data/all", "--data_dirs", "data/a", "data/b"])
    format_wav.main(["--data_dir", "data/all", "--out_dir", "dump/all", "--min_duration_s", "0.2"])
    perturb_speed.main(
        ["--data_dir", "dump/all", "--out_dir", "dump/sp", "--factors", "0.9 1.0", "1.1"]
    )
    filter_length.main(
        ["--data_dir", "dump/sp", "--out_dir", "dump/short", "--max_duration_s", "0.31"]
    )
    capsys.readouterr()
    validate_data.main(["--data_dir", "dump/short", "--check_audio", "--num_workers", "1"])
    assert capsys.readouterr().out == "dump/short: 4 utterances, every rule kept\n"
    write_data_directory("dump/other", [Utterance("a-2", "a", "x.wav")])
    assert list(read_table("dump/short/wav.scp")) == ["a-1", "b-1", "sp1.1-a-1", "sp1.1-b-1"]
    filter_length.main(
        ["--data_dir", "dump/all", "--out_dir", "dump/valid", "--speaker_dir", "dump/other"]
    )
    assert list(read_table("dump/valid/wav.scp")) == ["a-1"]
