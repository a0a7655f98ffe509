"""A HuBERT small enough to be made on the spot, for recipes and tests without a download."""

from pathlib import Path


def make_tiny_hubert(
    directory: str | Path, *, width: int = 64, layers: int = 2, seed: int = 0
) -> None:
    """Write a HuBERT with random weights, in the format of Hugging Face; one that is there stays.

    S3PRL loads it as ``hf_hubert_custom``. ``width`` is that of hidden states and convolutions,
    ``layers`` the number of transformer blocks.
    """
    directory = Path(directory)
    if (directory / "preprocessor_config.json").is_file():
        return
    import torch
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    config = HubertConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        conv_dim=(width,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        layerdrop=0.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        HubertModel(config).save_pretrained(directory)
    # Last: its presence says that the folder is complete.
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(directory)
