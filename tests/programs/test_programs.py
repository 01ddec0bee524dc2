"""The programs learn, and compute what they do in HIPS autograd, PyTorch and JAX.

Each program is run as it stands, and once more with the names that it imports exchanged for another framework's: `np`
and `grad` for those of HIPS autograd, `ac` for PyTorch's functions of the same meaning. Data, initial values and order
of steps are then the same, and every number that training passes through can be compared.
"""

import functools

import numpy as np
import pytest

from tests.programs import frameworks
from tests.programs.frameworks import IN_NUMPY, IN_PYTORCH, load


@functools.cache
def run(name):
    """Return what a program returns, here."""
    return load(name).run()


def hips_autograd():
    pytest.importorskip("autograd", reason="HIPS autograd is not installed")
    return frameworks.hips_autograd()


def jax():
    pytest.importorskip("jax", reason="JAX is not installed")
    return frameworks.jax()


def pytorch():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    return frameworks.pytorch()


def agree(losses, expected):
    """Compare to rounding, which over many steps grows, on some machines more than on others."""
    assert len(losses) == len(expected)
    np.testing.assert_allclose(losses[:20], expected[:20], rtol=1e-12)
    np.testing.assert_allclose(losses, expected, rtol=1e-8)


@pytest.mark.parametrize("name", IN_NUMPY)
def test_losses_are_those_of_hips_autograd(name):
    losses = run(name)[0]
    agree(losses, load(name, **hips_autograd()).run()[0])


def test_losses_are_those_of_jax():
    agree(run("mlp_jax_style")[0], load("mlp_jax_style", **jax()).run()[0])


@pytest.mark.parametrize("name", [name for name in IN_PYTORCH if name != "newton"])
def test_losses_are_those_of_pytorch(name):
    # Two networks against each other amplify rounding errors: compare a GAN before these are seen.
    compared = slice(200 if name == "gan" else None)
    agree(run(name)[0][compared], load(name, **pytorch()).run()[0][compared])


@pytest.mark.filterwarnings("ignore:Using backward:UserWarning")  # PyTorch's of cycles that create_graph makes
def test_newton_goes_the_way_of_pytorch():
    for ours, theirs in zip(run("newton"), load("newton", **pytorch()).run(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("neural_ode", 0.1),
        ("mixture", 0.7),
        ("character_rnn", 0.05),
        ("mlp_jax_style", 0.1),
        ("vae", 0.7),
        ("super_resolution", 0.1),
    ],
)
def test_the_loss_falls_to_a_share_of_what_it_was(name, share):
    losses = run(name)[0]
    assert np.mean(losses[-5:]) < share * losses[0]


def test_the_process_finds_the_noise_and_the_sine():
    losses, (_, _, noise), errors = run("gaussian_process")
    assert losses[-1] < losses[0] - 40
    assert noise == pytest.approx(0.1, abs=0.03)
    assert errors.max() < 3, "in standard deviations"


def test_natural_gradient_is_expectation_maximization():
    losses, (log_weights, means, covariances), x = run("mixture")
    weights, mean, covariance = np.ones(3) / 3, x[:3], np.stack([np.eye(2) * 4.0] * 3)
    expected = []
    for _ in range(len(losses)):
        centred = x - mean[:, None]
        distance = np.einsum("kni,kij,knj->kn", centred, np.linalg.inv(covariance), centred)
        scale = weights / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
        density = scale[:, None] * np.exp(-distance / 2)
        expected.append(-np.mean(np.log(density.sum(axis=0))))
        share = density / density.sum(axis=0)
        weights, mean = share.mean(axis=1), share @ x / share.sum(axis=1)[:, None]
        centred = x - mean[:, None]
        covariance = np.einsum("kn,kni,knj->kij", share, centred, centred) / share.sum(axis=1)[:, None, None]
    np.testing.assert_allclose(losses, expected, rtol=1e-11)
    np.testing.assert_allclose(np.exp(log_weights), weights, rtol=1e-9)
    np.testing.assert_allclose(means, mean, rtol=1e-9)
    np.testing.assert_allclose(covariances, covariance, rtol=1e-9)


def test_the_mixture_finds_the_clusters():
    _, (_, means, _), _ = run("mixture")
    for centre in ([0, 0], [4, 0], [0, 4]):
        assert np.linalg.norm(means - centre, axis=1).min() < 0.4


def test_the_network_spells_its_text():
    _, text, spelled = run("character_rnn")
    assert text.startswith(spelled)


def test_samples_have_mean_and_covariance_of_the_distribution():
    losses, samples, accepted = run("hmc")
    assert losses[0] > 10 * np.mean(losses[50:])
    assert 0.8 < accepted < 1
    np.testing.assert_allclose(samples.mean(axis=0), [1, -2], atol=0.15)
    np.testing.assert_allclose(np.cov(samples.T), [[1, 0.6], [0.6, 2]], atol=0.2)


def test_the_network_knows_digits_of_other_writers():
    assert run("mlp_jax_style")[1] > 0.85


def test_newton_arrives():
    of_a_number, in_the_valley = run("newton")
    assert of_a_number[-1] == pytest.approx(1, abs=1e-14)
    np.testing.assert_allclose(in_the_valley[-1], [1, 1], rtol=1e-14)


def test_four_numbers_hold_more_of_a_digit_than_the_mean_image():
    _, images, decoded = run("vae")
    assert np.mean((images - decoded) ** 2) < 0.7 * images.var(axis=0).mean()


def test_the_generator_learns_mean_and_deviation():
    _, before, after = run("gan")
    far, near = (np.linalg.norm(points.mean(axis=0) - [2, -1]) for points in (before, after))
    assert near < 0.2 * far
    ratios = after.std(axis=0) / [0.5, 1]
    assert np.all((ratios > 0.5) & (ratios < 2)), ratios


def test_the_network_enlarges_better_than_repeated_pixels():
    _, error, repeated = run("super_resolution")
    assert error < 0.6 * repeated
