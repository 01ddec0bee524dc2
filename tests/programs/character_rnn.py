"""A recurrent network that learns to spell: the next character of a text, from those before.

The text is what you are reading. The network sees one character at a time and keeps what it needs to know in a vector,
its state; the gradient of how surprised it was goes back through all the characters of a line.

Sources: Elman, "Finding Structure in Time", 1990; Karpathy's min-char-rnn, 2015. HIPS autograd has such an example,
which learns its own source code.
"""

from itertools import pairwise

import numpy as np
from numpy.random import default_rng

from autograd_cnn import value_and_grad


def lines(text, length):
    """Return the pieces of a text as codes of (length + 1, pieces), and the alphabet."""
    alphabet = sorted(set(text))
    codes = np.array([alphabet.index(character) for character in text])
    starts = np.arange(0, len(codes) - length, length // 2)
    return np.stack([codes[starts + i] for i in range(length + 1)]), alphabet


def init(rng, alphabet, hidden):
    """Return the parameters by name."""
    return {
        "embedding": rng.normal(0, 0.5, (alphabet, hidden)),
        "recurrent": np.linalg.qr(rng.normal(size=(hidden, hidden)))[0],
        "bias": np.zeros(hidden),
        "output": rng.normal(0, hidden**-0.5, (hidden, alphabet)),
        "output_bias": np.zeros(alphabet),
    }


def step(params, state, codes):
    """Return the state after one more character, for each line."""
    return np.tanh(params["embedding"][codes] + state @ params["recurrent"] + params["bias"])


def log_probabilities(params, state):
    """Return what the network expects next, for each line."""
    logits = state @ params["output"] + params["output_bias"]
    top = np.max(logits, axis=-1, keepdims=True)
    return logits - top - np.log(np.sum(np.exp(logits - top), axis=-1, keepdims=True))


def loss(params, codes):
    """Return the mean surprise at the characters of all lines, in bits."""
    state, surprise, rows = np.zeros((codes.shape[1], len(params["bias"]))), 0.0, np.arange(codes.shape[1])
    for now, following in pairwise(codes):
        state = step(params, state, now)
        surprise = surprise - np.mean(log_probabilities(params, state)[rows, following])
    return surprise / (len(codes) - 1) / np.log(2)


def adam(params, slopes, moments, count, rate):
    """Return parameters and moments after a step of Adam (Kingma and Ba, 2015, algorithm 1)."""
    stepped, kept = {}, {}
    for name, slope in slopes.items():
        first, second = moments[name]
        kept[name] = first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        scale = np.sqrt(second / (1 - 0.99**count)) + 1e-8
        stepped[name] = params[name] - rate * first / (1 - 0.9**count) / scale
    return stepped, kept


def spell(params, alphabet, start, length):
    """Return the text that the network finds most likely after `start`."""
    state, text = np.zeros(len(params["bias"])), start
    for i in range(len(start) + length - 1):
        state = step(params, state, alphabet.index(text[i]))
        if i >= len(start) - 1:
            text += alphabet[int(np.argmax(log_probabilities(params, state)))]
    return text


def run(seed=0, iterations=60, hidden=64, length=20):
    """Train on this file's text; return the losses, the text, and how the network spells its beginning."""
    text = " ".join(__doc__.split())
    codes, alphabet = lines(text, length)
    params = init(default_rng(seed), len(alphabet), hidden)
    moments = {name: (np.zeros_like(p), np.zeros_like(p)) for name, p in params.items()}
    losses = []
    for count in range(1, iterations + 1):
        value, slopes = value_and_grad(loss)(params, codes)
        params, moments = adam(params, slopes, moments, count, rate=0.02)
        losses.append(float(value))
    return losses, text, spell(params, alphabet, text[:4], length - 4)


if __name__ == "__main__":
    losses, _, spelled = run()
    print("bits for a character", *(f"{value:.2f}" for value in losses[::10]))
    print(spelled)
