"""Speaker vectors: extracted, read from disk one by one, and drawn for a speaker."""

import json
import shutil
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet2_ext._compat import load_ark_scp, write_ark_scp
from espnet2_ext.bin import extract_speaker_vectors as bin_extract
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected, write_table
from espnet2_ext.speaker import embeddings
from espnet2_ext.speaker.embeddings import (
    SpeakerVectorSampler,
    VectorTable,
    extract_speaker_vectors,
)
from espnet2_ext.speaker.encoder import build_speaker_encoder

MakeData = Callable[..., Path]


def contents(data_dir: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in data_dir.iterdir() if p.name.startswith("spk_embed")}


def remove(data_dir: Path) -> dict[str, bytes]:
    """Remove the tables and return them."""
    removed = contents(data_dir)
    for name in removed:
        (data_dir / name).unlink()
    return removed


def test_every_utterance_gets_the_encoders_vector(make_data, encoder_directory):
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


def test_a_rerun_does_nothing_and_a_change_does_it_again(
    make_data, encoder_directory, monkeypatch, tmp_path
):
    data_dir = make_data()
    extract_speaker_vectors(data_dir, str(encoder_directory))
    before = contents(data_dir)
    with monkeypatch.context() as patch:
        patch.setattr(embeddings, "_embed_part", None)  # would fail if called
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


def test_files_do_not_depend_on_workers_parts_kills_or_shares(
    make_data, encoder_directory, monkeypatch
):
    data_dir, source = make_data(), str(encoder_directory)
    extract_speaker_vectors(data_dir, source)
    alone = remove(data_dir)
    monkeypatch.setattr(embeddings, "CHUNK_UTTERANCES", 2)
    extract_speaker_vectors(data_dir, source, num_workers=2)
    assert remove(data_dir) == alone

    stale = data_dir / ".spk_embed_parts_of_another_encoder"
    stale.mkdir()
    embed, calls = embeddings._embed_part, []

    def embed_until_killed(*arguments) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        embed(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(embeddings, "_embed_part", embed_until_killed)
        with pytest.raises(KeyboardInterrupt):
            extract_speaker_vectors(data_dir, source)
        assert not contents(data_dir) and not stale.exists()
        assert extract_speaker_vectors(data_dir, source) == 6
    assert len(calls) == 4
    assert remove(data_dir) == alone

    for index in (2, 1):
        share = ["--share", f"{index}/2"]
        bin_extract.main(["--data_dir", str(data_dir), "--source", source, *share])
        assert not contents(data_dir)
    monkeypatch.setattr(embeddings, "_encoder", None)  # would fail if called
    assert extract_speaker_vectors(data_dir, source) == 6
    assert contents(data_dir) == alone


def test_bad_audio_is_listed_beside_what_other_stages_listed(make_data, encoder_directory):
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


def test_what_extraction_refuses_in_one_line(make_data, encoder_directory, make_wav, tmp_path):
    with pytest.raises(ValueError, match="has no wav.scp"):
        extract_speaker_vectors(tmp_path, str(encoder_directory))
    data_dir = make_data(speakers=1, utterances=1, duration_s=0.02)
    with pytest.raises(SystemExit, match="^extract_speaker_vectors: ./none: no such speaker"):
        bin_extract.main(["--data_dir", str(data_dir), "--source", "./none"])
    options = ["--data_dir", str(data_dir), "--source", str(encoder_directory)]
    with pytest.raises(SystemExit, match="no utterance could be embedded .*at least 800 samples"):
        bin_extract.main(options)
    assert not (data_dir / "spk_embed.scp").exists()
    make_wav("wav/s0-0.wav", duration_s=0.3)
    bin_extract.main(options)
    assert (data_dir / "spk_embed.scp").is_file()


ROWS = {name: np.arange(3) + n for n, name in enumerate(("a", "a-1", "a-10", "語-1"))}


def test_vectors_are_those_of_the_ark_library(tmp_path):
    (tmp_path / "p:q").mkdir()
    write_ark_scp(tmp_path / "p:q/x.scp", {"a": ROWS["a"], "語-1": ROWS["語-1"]})
    write_ark_scp(tmp_path / "y.scp", {"a-1": ROWS["a-1"], "a-10": ROWS["a-10"]})
    lines = (tmp_path / "p:q/x.scp").read_text() + (tmp_path / "y.scp").read_text()
    path = tmp_path / "all.scp"
    path.write_text("".join(sorted(lines.splitlines(keepends=True))))
    table, oracle = VectorTable(path), load_ark_scp(path)
    assert list(table) == sorted(ROWS) and len(table) == 4
    for utterance, vector in ROWS.items():
        assert utterance in table and table[utterance].dtype == np.float32
        np.testing.assert_array_equal(table[utterance], vector)
        np.testing.assert_array_equal(table[utterance], oracle[utterance])
    for name in ("", "a-", "a-11", "z", "語", "語-2", "a-10000000000000", 4):
        assert name not in table
    with pytest.raises(KeyError, match="a-4"):
        table["a-4"]


def test_table_errors_name_file_and_utterance(tmp_path):
    for text, message in (
        ("a-1 x.ark\n", "spk_embed.scp: a-1: expected 'ark:offset', got 'x.ark'"),
        ("a-1 x.ark:7[0:2]\n", "expected 'ark:offset'"),
        ("a-2 x.ark:7\na-1 x.ark:9\n", "spk_embed.scp: a-1 stands after a-2; sort it by key"),
    ):
        (tmp_path / "spk_embed.scp").write_text(text)
        with pytest.raises(ValueError, match=message):
            VectorTable(tmp_path / "spk_embed.scp")


UTT2SPK = [
    ("a-1", "a"),
    ("a-2", "a"),
    ("a-3", "a"),
    ("b-1", "b"),
    ("sp0.9-a-1", "sp0.9-a"),
    ("sp0.9-a-2", "sp0.9-a"),
]
VECTORS = {utterance: np.full(2, number) for number, (utterance, _) in enumerate(UTT2SPK)}


def test_speakers_need_not_stand_together():
    """Against a plain search: names that tell nothing of the speaker, some without a vector."""
    rng = np.random.default_rng(0)
    utt2spk = [(f"u{number:02d}", f"s{rng.integers(5)}") for number in range(40)]
    vectors = {utterance: np.zeros(1) for utterance, _ in utt2spk if rng.random() < 0.7}
    vectors |= {"v": np.zeros(1)}  # of no utterance of the set
    sampler = SpeakerVectorSampler(utt2spk, vectors, deterministic=True)
    random = SpeakerVectorSampler(utt2spk, vectors, deterministic=False)
    for utterance, speaker in utt2spk:
        members = [name for name, of in utt2spk if of == speaker and name in vectors]
        place = members.index(utterance) + 1 if utterance in vectors else 0
        others = members[place:] + members[: max(0, place - 1)]
        expected = others[zlib.crc32(utterance.encode()) % len(others)]
        assert sampler.choose(utterance) == expected, utterance
        drawn = Counter(random.choose(utterance, rng) for _ in range(400))
        assert drawn.keys() == set(members) - {utterance}, utterance
        assert max(drawn.values()) < 3 * min(drawn.values()), "uniform"
    assert sampler.draw("u00").dtype == np.float32


def test_a_speaker_with_one_vector_or_none():
    only = SpeakerVectorSampler(UTT2SPK, {"a-1": VECTORS["a-1"]}, deterministic=True)
    assert only.choose("a-2") == "a-1"
    with pytest.raises(ValueError, match="x-1: not in utt2spk"):
        only.choose("x-1")
    with pytest.raises(ValueError, match="b-1: speaker b has no vector"):
        only.choose("b-1")


def write_set(directory: Path, utt2spk: dict[str, str], number: int) -> Path:
    """Write a set whose vectors hold the number of the set and the place of the utterance."""
    directory.mkdir()
    write_table(directory / "utt2spk", utt2spk)
    ordered = sorted(utt2spk)
    vectors = {utterance: [number, place] for place, utterance in enumerate(ordered)}
    write_ark_scp(directory / "spk_embed.scp", vectors)
    return directory


def test_validation_draws_from_its_own_and_the_training_set(tmp_path, caplog):
    valid = write_set(tmp_path / "va", {"a-2": "a", "a-4": "a", "b-1": "b", "c-1": "c"}, 1)
    others = {"d-1": "d", "sp0.9-c-1": "sp0.9-c"}  # a perturbed speaker is another one
    train = write_set(tmp_path / "tr", {"a-1": "a", "a-3": "a", "b-1": "b", **others}, 2)
    alone = SpeakerVectorSampler.from_directory(valid, deterministic=True)
    assert (alone.choose("a-2"), alone.choose("b-1")) == ("a-4", "b-1")
    caplog.clear()
    sampler = SpeakerVectorSampler.from_directory(valid, train, deterministic=False)
    rng = np.random.default_rng(0)
    assert {sampler.choose("a-2", rng) for _ in range(60)} == {"a-1", "a-3", "a-4"}
    np.testing.assert_array_equal(sampler.vectors["a-3"], [2, 1])
    np.testing.assert_array_equal(sampler.vectors["a-4"], [1, 1])
    # An utterance of both sets is not its own other one.
    assert sampler.single_utterance_speakers == ["b", "c"]
    assert "2 of 3 speakers have one utterance with a speaker vector" in caplog.text
    np.testing.assert_array_equal(sampler.vectors["b-1"], [1, 2])
    assert len(sampler.vectors) == 6, "others are not kept"


def test_directories_that_do_not_fit_are_errors(tmp_path):
    valid = write_set(tmp_path / "va", {"a-1": "a", "b-1": "b"}, 1)
    train = write_set(tmp_path / "tr", {"a-1": "b", "b-2": "b"}, 2)
    with pytest.raises(ValueError, match="a-1: of speaker a and of b in .*va/utt2spk and .*rename"):
        SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
    (train / "utt2spk").write_text("b-2 b\nb-1 b\n")
    with pytest.raises(ValueError, match="tr/utt2spk: b-1 stands after b-2; sort it"):
        SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
    (train / "utt2spk").write_text("b-2 b\n")
    (train / "spk_embed.scp").unlink()
    with pytest.raises(FileNotFoundError, match="spk_embed.scp"):
        SpeakerVectorSampler.from_directory(valid, train, deterministic=True)
