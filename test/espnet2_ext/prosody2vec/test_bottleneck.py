"""Quantised vectors and the reversed gradient."""

import pytest
import torch

from espnet2_ext.prosody2vec.bottleneck import AdversarialSpeakerClassifier, FiniteScalarQuantizer


def test_levels_and_codes() -> None:
    quantizer = FiniteScalarQuantizer(5)
    vectors = quantizer(torch.tensor([-9.0, -0.5, 0.0, 0.3, 9.0]))
    assert vectors.tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert quantizer.codes(vectors).tolist() == [0, 1, 2, 3, 4]


def test_gradient_is_that_of_the_bounding_alone() -> None:
    vectors = torch.tensor([0.3, -1.2], requires_grad=True)
    FiniteScalarQuantizer(3)(vectors).sum().backward()
    torch.testing.assert_close(vectors.grad, 1 - torch.tanh(vectors.detach()).square())


@pytest.mark.parametrize("levels", [1, 4])
def test_levels_must_be_odd(levels) -> None:
    with pytest.raises(ValueError, match=str(levels)):
        FiniteScalarQuantizer(levels)


def test_the_vector_learns_the_opposite_of_the_classifier() -> None:
    torch.manual_seed(0)
    classifier = AdversarialSpeakerClassifier(3, 2, weight=0.5, hidden_dim=4)
    speakers = torch.tensor([0, 1, 1])
    plain, reversed_ = (torch.randn(3, 3, generator=torch.Generator().manual_seed(1)) for _ in "ab")
    plain.requires_grad_(), reversed_.requires_grad_()
    torch.nn.functional.cross_entropy(classifier.network(plain), speakers).backward()
    of_network = [parameter.grad.clone() for parameter in classifier.parameters()]
    classifier.zero_grad()
    loss, accuracy = classifier(reversed_, speakers)
    loss.backward()
    torch.testing.assert_close(reversed_.grad, -0.5 * plain.grad)
    for parameter, gradient in zip(classifier.parameters(), of_network, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert 0 <= float(accuracy) <= 1
