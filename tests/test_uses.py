"""Second derivatives at work: Newton's method, a gradient penalty, the curvature of a trained LeNet-5."""

import numpy as np
from sklearn.linear_model import LogisticRegression

import autograd_cnn as ac
from autograd_cnn.data.images import resize
from autograd_cnn.models import lenet5

digits = ac.data.load("digits", "train")


def dot(a, b):
    return sum(float(np.vdot(a[name], b[name])) for name in a)


def plus(a, scale, b):
    return {name: a[name] + scale * b[name] for name in a}


def conjugate_gradients(product, b, tolerance):
    solution, residual, direction = {name: np.zeros_like(v) for name, v in b.items()}, b, b
    first = now = dot(b, b)
    for _ in range(200):
        if now <= tolerance**2 * first:
            break
        image = product(direction)
        step = now / dot(direction, image)
        solution, residual = plus(solution, step, direction), plus(residual, -step, image)
        before, now = now, dot(residual, residual)
        direction = plus(residual, now / before, direction)
    return solution


def test_newton_solves_logistic_regression():
    """In products with the Hessian alone, to the solution that scikit-learn finds."""
    x, y = digits.images.reshape(len(digits), -1).astype(float), digits.labels

    def loss(w):
        cost = ac.softmax_cross_entropy(ac.linear(x, w["weight"], w["bias"]), y)
        return cost + 5 / len(x) * (w["weight"] ** 2).sum()

    w, lengths = {"weight": np.zeros((10, 64)), "bias": np.zeros(10)}, []
    while not lengths or lengths[-1] > 1e-9:
        gradient = ac.grad(loss)(w)
        lengths.append(dot(gradient, gradient) ** 0.5)
        product = lambda d: ac.hvp(loss, w, d)  # noqa: B023, E731
        w = plus(w, -1, conjugate_gradients(product, gradient, min(0.1, lengths[-1] / lengths[0])))
        assert len(lengths) < 12
    assert lengths[-1] < lengths[-2] ** 1.5, "near the solution the error is squared at every step"
    theirs = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(w["weight"], theirs.coef_, atol=1e-4)


def test_a_gradient_penalty_flattens_the_loss():
    """Drucker and LeCun, 1992: punish the slope of the loss by the image, and train through it."""
    x, y = digits.images.reshape(len(digits), -1).astype(float), digits.labels

    def cost(x, p, y):
        return ac.softmax_cross_entropy(ac.linear(ac.tanh(ac.linear(x, p["a"])), p["b"]), y, reduction="sum")

    def penalized(p, strength, batch):
        value, slope = ac.value_and_grad(cost)(x[batch], p, y[batch])
        return (value + strength * (slope * slope).sum()) / len(batch)

    def trained(strength):
        rng = np.random.default_rng(0)
        p = {"a": ac.nn.initialization.he(rng, (32, 64)), "b": ac.nn.initialization.he(rng, (10, 32))}
        optimizer = ac.optim.Adam(p, lr=0.01)
        for _ in range(100):
            optimizer.zero_grad()
            penalized(p, strength, rng.integers(0, len(x), 64)).backward()
            optimizer.step()
        return p

    p, few = {name: x.data for name, x in trained(0.1).items()}, np.arange(3)
    narrow = p["a"][:4], p["b"][:, :4]
    assert ac.gradcheck(lambda a, b: penalized({"a": a, "b": b}, 0.1, few), *narrow)

    test = ac.data.load("digits", "test")
    plain, flat = trained(0.0), trained(1.0)
    with ac.no_grad():
        unseen = test.images.reshape(len(test), -1)
        slopes = [np.linalg.norm(ac.grad(cost)(unseen, p, test.labels), axis=1).mean() for p in (plain, flat)]
    assert slopes[1] < 0.7 * slopes[0]


def test_the_top_eigenvalue_of_a_trained_lenet5():
    """Power iteration, with the product checked against a difference of gradients."""
    images, labels = resize(digits.images, (28, 28)), digits.labels
    rng = np.random.default_rng(0)
    params = lenet5.init(rng)
    optimizer = ac.optim.Adam(params, lr=2e-3)
    for _ in range(60):
        batch = rng.integers(0, len(images), 32)
        optimizer.zero_grad()
        ac.softmax_cross_entropy(lenet5.apply(params, images[batch]), labels[batch]).backward()
        optimizer.step()

    def loss(p):
        return ac.softmax_cross_entropy(lenet5.apply(p, images[:64].astype(float)), labels[:64])

    p = {name: x.data.astype(float) for name, x in params.items()}
    v = {name: rng.standard_normal(x.shape) for name, x in p.items()}
    for _ in range(40):
        length = dot(v, v) ** 0.5
        v = {name: x / length for name, x in v.items()}
        product = ac.hvp(loss, p, v)
        eigenvalue, rest = dot(v, product), plus(product, -dot(v, product), v)
        before, v = v, product
    assert eigenvalue > 1
    assert dot(rest, rest) ** 0.5 < 0.02 * eigenvalue
    step = 1e-6
    ahead, behind = (ac.grad(loss)(plus(p, sign * step, before)) for sign in (1, -1))
    difference = {name: (ahead[name] - behind[name]) / (2 * step) for name in p}
    apart = plus(difference, -1, product)
    assert dot(apart, apart) ** 0.5 < 1e-3 * eigenvalue
