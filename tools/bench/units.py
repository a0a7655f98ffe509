"""Units: what assignment and the layers behind the clustered one cost; k-means memory (G8, G9)."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from espnet2_ext.data.audio import SAMPLE_RATE_HZ
from espnet2_ext.data.parallel import one_thread
from espnet2_ext.units.centroids import Centroids, CentroidsOnDevice, UnitEncoderPipeline
from espnet2_ext.units.features import FrameFeatures, MfccFeatures, S3prlFeatures
from tools.bench.goals import against
from tools.bench.measure import Options, Row, interleaved_seconds
from tools.bench.units_kmeans import Corpus, Learnt, from_all, from_stream, in_fresh_process

GROUP = "units"
LAYER = 6
NUM_LAYERS = 12
TINY = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (32,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


def measure(options: Options) -> list[Row]:
    """Return the rows of HuBERT units, MFCC units and k-means.

    One CPU thread, as each worker of an extraction has.
    """
    with one_thread():
        return [*hubert_rows(options), *mfcc_rows(options), *kmeans_rows(options)]


def hubert_rows(options: Options) -> list[Row]:
    """Return rows of a random HuBERT: whole, stopped at layer 6, and with assignment.

    Assignment is timed by itself and added: a difference of 2 % between two runs of
    HuBERT would be lost in their scatter.
    """
    num_clusters, audio_s = (20, 1.0) if options.is_quick else (200, 5.0)
    whole, stopped = _hubert_features(options)
    assigner = UnitEncoderPipeline(_centroids(stopped, num_clusters), stopped)
    waveform = _noise(audio_s)
    states = stopped.states(waveform)
    features, centroids = states.cpu().numpy(), assigner.centroids
    on_device = CentroidsOnDevice(centroids, options.device)

    def assign() -> object:
        if options.device == "cpu":
            chosen = centroids.assign(features)
            return centroids.squared_distances(features, chosen).sum(dtype=float)
        return on_device.assign(states)

    seconds = interleaved_seconds(
        {
            "whole": lambda: whole.states(waveform),
            "stopped": lambda: stopped.states(waveform),
            "units": lambda: assigner.assign(waveform),
            "assign": assign,
        },
        options,
    )
    setting = f"B1 {audio_s:g} s, width {stopped.dim}, k {num_clusters}, 1 thread"
    with_units = 1 + seconds["assign"] / seconds["stopped"]
    speedup = seconds["whole"] / seconds["stopped"]
    rows = [
        _row(
            "HuBERT with assignment over HuBERT alone, time",
            setting,
            with_units,
            "x",
            f"layer {LAYER} {_ms(seconds['stopped'])}, assignment {_ms(seconds['assign'])}",
            **against("G8", with_units, options.device),
        ),
        _row(
            f"HuBERT stopped at layer {LAYER} over all {NUM_LAYERS}, speed",
            setting,
            speedup,
            "x",
            f"{NUM_LAYERS} layers {_ms(seconds['whole'])}, {LAYER} {_ms(seconds['stopped'])}",
            **against("G8 stop", speedup, options.device),
        ),
    ]
    names = {"whole": f"HuBERT, {NUM_LAYERS} layers", "units": f"HuBERT units of layer {LAYER}"}
    return rows + [_real_time_row(names[each], setting, audio_s, seconds[each]) for each in names]


def mfcc_rows(options: Options) -> list[Row]:
    """Return rows of MFCC units, nearest and with a price for changes; always on the CPU."""
    audio_s = 1.0 if options.is_quick else 5.0
    features, waveform = MfccFeatures(), _noise(audio_s)
    nearest = UnitEncoderPipeline(_centroids(features, 100), features)
    priced = UnitEncoderPipeline(_centroids(features, 100, switch_penalty=10.0), features)
    seconds = interleaved_seconds(
        {
            "MFCC units, nearest centre": lambda: nearest.assign(waveform),
            "MFCC units, switch penalty": lambda: priced.assign(waveform),
        },
        options,
    )
    setting = f"B1 {audio_s:g} s, width {features.dim}, k 100, CPU, 1 thread"
    return [_real_time_row(name, setting, audio_s, value) for name, value in seconds.items()]


def kmeans_rows(options: Options) -> list[Row]:
    """Return rows of learning from a sample kept while reading, against all frames at once."""
    corpus, max_frames = Corpus(1200, 64, 20), 12_000
    if options.is_quick:
        corpus, max_frames = Corpus(60, 16, 4), 2_000
    sampled = in_fresh_process(from_stream, corpus, max_frames)
    everything = in_fresh_process(from_all, corpus)
    setting = f"{corpus.num_frames:,} frames of {corpus.dim}, k {corpus.num_clusters}, CPU"
    memory = sampled.peak_bytes / corpus.num_bytes
    inertia = sampled.inertia / everything.inertia

    def detail(learnt: Learnt) -> str:
        return f"{learnt.peak_bytes / 2**20:.1f} of {corpus.num_bytes / 2**20:.1f} MiB"

    return [
        _row(
            "k-means of a stream, peak memory over size of all frames",
            f"{setting}, sample {max_frames:,}, refined",
            memory,
            "x",
            detail(sampled),
            # With tiny sizes the process's own memory would be judged.
            **({} if options.is_quick else against("G9", memory, options.device)),
        ),
        _row(
            "scikit-learn's k-means of all, peak memory over size of all frames",
            setting,
            everything.peak_bytes / corpus.num_bytes,
            "x",
            detail(everything),
        ),
        _row(
            "k-means of a stream over that of all, inertia on all frames",
            f"{setting}, sample {max_frames:,}, refined",
            inertia,
            "x",
            f"{sampled.inertia:.4f}, {everything.inertia:.4f} a frame",
            **({} if options.is_quick else against("G9 inertia", inertia, options.device)),
        ),
    ]


def _hubert_features(options: Options) -> tuple[S3prlFeatures, S3prlFeatures]:
    """Return features of all layers and of the first six, of the same random HuBERT."""
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    torch.manual_seed(0)
    sizes = TINY if options.is_quick else {}
    model = HubertModel(HubertConfig(layerdrop=0.0, num_hidden_layers=NUM_LAYERS, **sizes))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(Path(folder))
        whole, stopped = (
            S3prlFeatures("hf_hubert_custom", layer, path_or_url=folder, device=options.device)
            for layer in (NUM_LAYERS, LAYER)
        )
    return whole, stopped


def _centroids(
    features: FrameFeatures, num_clusters: int, switch_penalty: float = 0.0
) -> Centroids:
    centers = np.random.default_rng(0).standard_normal((num_clusters, features.dim), np.float32)
    facts = (features.name, features.stride_samples, features.offset_samples, float("nan"))
    return Centroids(centers, *facts, switch_penalty=switch_penalty)


def _noise(audio_s: float) -> np.ndarray:
    num_samples = round(audio_s * SAMPLE_RATE_HZ)
    return 0.1 * np.random.default_rng(0).standard_normal(num_samples, np.float32)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms"


def _real_time_row(what: str, setting: str, audio_s: float, seconds: float) -> Row:
    return _row(what, setting, audio_s / seconds, "x real time", _ms(seconds))


def _row(what: str, setting: str, value: float, unit: str, detail: str, **goal) -> Row:
    return Row(GROUP, what, setting, value, unit, detail=detail, **goal)
