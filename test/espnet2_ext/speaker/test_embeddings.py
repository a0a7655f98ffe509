import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.bin import extract_speaker_vectors as bin_extract
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected
from espnet2_ext.speaker import embeddings as extract
from espnet2_ext.speaker.embeddings import extract_speaker_vectors
from espnet2_ext.speaker.encoder import build_speaker_encoder

MakeData = Callable[..., Path]


def contents(data_dir: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in data_dir.iterdir() if p.name.startswith("spk_embed")}


def test_every_utterance_gets_the_encoders_vector(
    make_data: MakeData, encoder_directory: Path
) -> None:
    data_dir = make_data()
    threads = torch.get_num_threads()
    assert extract_speaker_vectors(data_dir, str(encoder_directory)) == 6
    assert torch.get_num_threads() == threads
    vectors = load_ark_scp(data_dir / "spk_embed.scp")
    wavs = read_table(data_dir / "wav.scp")
    assert list(read_table(data_dir / "spk_embed.scp")) == list(wavs)
    encoder = build_speaker_encoder(str(encoder_directory))
    for utterance, wav in wavs.items():
        np.testing.assert_allclose(vectors[utterance], encoder(read_audio(wav)), atol=1e-5)
    record = json.loads((data_dir / "spk_embed.json").read_text())
    assert (record["vectors"], record["dim"]) == (6, 192)
    assert not list(data_dir.glob(".spk_embed_parts_*"))


def test_files_do_not_depend_on_workers_or_parts(
    make_data: MakeData, encoder_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = make_data()
    extract_speaker_vectors(data_dir, str(encoder_directory))
    alone = contents(data_dir)
    (data_dir / "spk_embed.json").unlink()
    monkeypatch.setattr(extract, "CHUNK_UTTERANCES", 2)
    extract_speaker_vectors(data_dir, str(encoder_directory), num_workers=2)
    assert contents(data_dir) == alone


def test_a_rerun_does_nothing_and_a_change_does_it_again(
    make_data: MakeData, encoder_directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data_dir = make_data()
    extract_speaker_vectors(data_dir, str(encoder_directory))
    before = contents(data_dir)

    def refuse(*arguments: object) -> None:
        raise AssertionError("computed again")

    with monkeypatch.context() as patch:
        patch.setattr(extract, "_embed_chunk", refuse)
        assert extract_speaker_vectors(data_dir, str(encoder_directory)) == 6
    other = Path(shutil.copytree(encoder_directory, tmp_path / "other"))
    weights = torch.load(other / "embedding_model.ckpt", weights_only=True)
    weights["fc.conv.bias"] += 1.0
    torch.save(weights, other / "embedding_model.ckpt")
    extract_speaker_vectors(data_dir, str(other))
    changed = contents(data_dir)
    assert changed["spk_embed.ark"] != before["spk_embed.ark"]
    (data_dir / "spk_embed.ark").unlink()
    extract_speaker_vectors(data_dir, str(other))
    assert contents(data_dir) == changed


def test_a_killed_run_goes_on_where_it_was(
    make_data: MakeData, encoder_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = make_data()
    monkeypatch.setattr(extract, "CHUNK_UTTERANCES", 2)
    extract_speaker_vectors(data_dir, str(encoder_directory))
    undisturbed = contents(data_dir)
    for name in undisturbed:
        (data_dir / name).unlink()
    stale = data_dir / ".spk_embed_parts_of_another_encoder"
    stale.mkdir()
    embed, calls = extract._embed_chunk, []

    def embed_until_killed(job) -> None:
        calls.append(job)
        if len(calls) == 3:
            raise KeyboardInterrupt
        embed(job)

    with monkeypatch.context() as patch:
        patch.setattr(extract, "_embed_chunk", embed_until_killed)
        with pytest.raises(KeyboardInterrupt):
            extract_speaker_vectors(data_dir, str(encoder_directory))
        assert not contents(data_dir) and not stale.exists()
        assert extract_speaker_vectors(data_dir, str(encoder_directory)) == 6
    assert len(calls) == 4
    assert contents(data_dir) == undisturbed


def test_shares_and_then_a_run_that_puts_them_together(
    make_data: MakeData, encoder_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = make_data()
    monkeypatch.setattr(extract, "CHUNK_UTTERANCES", 2)
    extract_speaker_vectors(data_dir, str(encoder_directory))
    alone = contents(data_dir)
    for name in alone:
        (data_dir / name).unlink()
    options = ["--data_dir", str(data_dir), "--source", str(encoder_directory)]
    for index in (2, 1):
        bin_extract.main([*options, "--share", f"{index}/2"])
        assert not contents(data_dir)
    monkeypatch.setattr(extract, "_embed_chunk", None)  # would fail if called
    assert extract_speaker_vectors(data_dir, str(encoder_directory)) == 6
    assert contents(data_dir) == alone


def test_bad_audio_is_listed_beside_what_other_stages_listed(
    make_data: MakeData, encoder_directory: Path
) -> None:
    data_dir = make_data(duration_s=0.1)
    wavs = read_table(data_dir / "wav.scp")
    Path(wavs["s0-1"]).write_bytes(b"no audio")
    Path(wavs["s1-0"]).unlink()
    write_rejected(data_dir, {"s9-1": "too long", "s0-0": "spk_embed.scp: of an earlier run"})
    assert extract_speaker_vectors(data_dir, str(encoder_directory)) == 4
    rejected = read_rejected(data_dir)
    assert list(rejected) == ["s0-1", "s1-0", "s9-1"]
    assert "not readable as audio" in rejected["s0-1"] and "no such file" in rejected["s1-0"]
    assert "s0-1" not in read_table(data_dir / "spk_embed.scp")


def test_too_short_audio_everywhere_is_an_error_that_can_be_mended(
    make_data: MakeData, encoder_directory: Path, make_wav: Callable[..., Path]
) -> None:
    data_dir = make_data(speakers=1, utterances=1, duration_s=0.02)
    with pytest.raises(ValueError, match="no utterance could be embedded .*at least 800 samples"):
        extract_speaker_vectors(data_dir, str(encoder_directory))
    assert not (data_dir / "spk_embed.scp").exists()
    make_wav("wav/s0-0.wav", duration_s=0.3)
    assert extract_speaker_vectors(data_dir, str(encoder_directory)) == 1


def test_errors_of_the_command_are_one_line(
    make_data: MakeData, tmp_path: Path, encoder_directory: Path
) -> None:
    with pytest.raises(ValueError, match="has no wav.scp"):
        extract_speaker_vectors(tmp_path, str(encoder_directory))
    data_dir = make_data()
    with pytest.raises(SystemExit, match="^extract_speaker_vectors: ./none: no such speaker"):
        bin_extract.main(["--data_dir", str(data_dir), "--source", "./none"])
    bin_extract.main(["--data_dir", str(data_dir), "--source", str(encoder_directory)])
    assert (data_dir / "spk_embed.scp").is_file()
