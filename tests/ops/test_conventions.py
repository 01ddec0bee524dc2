"""What happens at kinks, ties and edges: conventions that finite differences cannot see."""

import inspect
import operator

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import ops


def slopes(op, *values, cotangent=None):
    """Return the gradient of each input, for a cotangent of ones unless another is given."""
    tensors = [ac.Tensor(v, requires_grad=True, dtype=np.float64) for v in values]
    out = op(*tensors)
    out.backward(np.ones(out.shape) if cotangent is None else cotangent)
    return [t.grad.tolist() for t in tensors]


#: The arguments of each op, in PyTorch's or NumPy's order, and their defaults.
SIGNATURES = """
avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05)
clip(x, min=None, max=None)
concatenate(arrays, axis=0)
conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)
conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1)
dropout(x, p, training, rng=None)
elu(x, alpha=1.0)
flatten(x, start_dim=0, end_dim=-1)
gelu(x, approximate='none')
group_norm(x, num_groups, weight=None, bias=None, eps=1e-05)
layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-05)
leaky_relu(x, negative_slope=0.01)
linear(x, weight, bias=None)
log_softmax(x, axis=-1)
logsumexp(x, axis=None, keepdims=False)
max(x, axis=None, keepdims=False)
max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)
mean(x, axis=None, keepdims=False)
min(x, axis=None, keepdims=False)
mse_loss(x, target, reduction='mean')
nll_loss(log_probs, targets, weight=None, ignore_index=-100, reduction='mean')
pad(x, pad_width, mode='constant', constant_values=0)
round(x, decimals=0)
sigmoid_cross_entropy(logits, targets, reduction='mean')
softmax(x, axis=-1)
softmax_cross_entropy(logits, targets, reduction='mean', label_smoothing=0.0, ignore_index=-100, weight=None)
split(x, indices_or_sections, axis=0)
squeeze(x, axis=None)
stack(arrays, axis=0)
sum(x, axis=None, keepdims=False)
take(x, indices, axis=None)
transpose(x, axes=None)
var(x, axis=None, ddof=0, keepdims=False)
adaptive_avg_pool2d(x, output_size)
argmax(x, axis=None, keepdims=False)
argsort(x, axis=-1)
average(x, axis=None, weights=None, returned=False, keepdims=False)
binary_cross_entropy(x, target, weight=None, reduction='mean')
cumprod(x, axis=None)
cumsum(x, axis=None)
diag(x, k=0)
diff(x, n=1, axis=-1, prepend=None, append=None)
flip(x, axis=None)
l1_loss(x, target, reduction='mean')
linalg.cholesky(a, *, upper=False)
linalg.norm(x, ord=None, axis=None, keepdims=False)
linalg.solve(a, b)
moveaxis(x, source, destination)
pixel_shuffle(x, upscale_factor)
prod(x, axis=None, keepdims=False)
repeat(x, repeats, axis=None)
roll(x, shift, axis=None)
smooth_l1_loss(x, target, reduction='mean', beta=1.0)
sort(x, axis=-1)
std(x, axis=None, ddof=0, keepdims=False)
tensordot(x, y, axes=2)
trace(x, offset=0, axis1=0, axis2=1)
tril(x, k=0)
upsample_nearest(x, size=None, scale_factor=None)
"""


@pytest.mark.parametrize("line", SIGNATURES.split("\n")[1:-1])
def test_arguments_and_their_defaults(line):
    name = line.partition("(")[0]
    signature = inspect.signature(operator.attrgetter(name)(ops))
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    assert name + str(inspect.Signature(plain)) == line


@pytest.mark.parametrize(
    ("op", "point", "slope"),
    [
        (ac.relu, 0, 0),
        (ac.abs, 0, 0),
        (ac.leaky_relu, 0, 0.01),
        (ac.elu, 0, 1),
        (lambda x: ac.clip(x, -1, 1), -1, 1),
        (lambda x: ac.clip(x, -1, 1), 1, 1),
        (lambda x: ac.clip(x, -1, 1), 1.5, 0),
        (lambda x: x**0, 0, 0),
        (lambda x: x**2, 0, 0),
        (lambda x: x**1, 0, 1),
        (lambda x: ac.power(x, np.array([0.0, 2.0])), 0, 0),
    ],
)
def test_slopes_at_kinks(op, point, slope):
    assert slopes(op, float(point)) == [slope]


def test_equal_operands_share_the_gradient_of_maximum_and_minimum():
    assert slopes(ac.maximum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]) == [[0, 0.5, 1], [1, 0.5, 0]]
    assert slopes(ac.minimum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]) == [[1, 0.5, 0], [0, 0.5, 1]]


def test_the_first_of_equal_extremes_gets_the_gradient():
    tied = [[3.0, 1.0, 3.0], [1.0, 3.0, 1.0]]
    assert slopes(lambda x: ac.max(x, 1), tied) == [[[1, 0, 0], [0, 1, 0]]]
    assert slopes(lambda x: ac.min(x, 1), tied) == [[[0, 1, 0], [1, 0, 0]]]
    assert slopes(ac.max, tied) == [[[1, 0, 0], [0, 0, 0]]]
    assert slopes(lambda x: ac.max(x, (0, 1), keepdims=True), tied) == [[[1, 0, 0], [0, 0, 0]]]


def test_the_first_of_equal_maxima_in_a_window_gets_the_gradient():
    (grad,) = slopes(lambda x: ac.max_pool2d(x, 2), np.ones((1, 1, 4, 4)))
    assert grad == [[[[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]]]
    (grad,) = slopes(lambda x: ac.max_pool2d(x, 2, stride=1), np.ones((1, 1, 3, 3)))
    assert grad == [[[[1, 1, 0], [1, 1, 0], [0, 0, 0]]]]


def test_padding_never_wins_a_maximum():
    x = np.full((1, 1, 2, 2), -5.0)
    assert ac.max_pool2d(x, 2, stride=1, padding=1).max() == -5
    assert slopes(lambda x: ac.max_pool2d(x, 2, stride=1, padding=1), x) == [[[[[4, 2], [2, 1]]]]]


def test_a_window_of_padding_alone_holds_minus_infinity_and_has_no_gradient():
    def pool(x):
        return ac.max_pool2d(x, (1, 2), stride=1, padding=(0, 1), dilation=(1, 2))

    x = np.ones((1, 1, 1, 1))
    assert pool(x).tolist() == [[[[-np.inf]]]]
    assert slopes(pool, x) == [[[[[0]]]]]


class TestProducts:
    """The slope with respect to an element is the product of all others, even if the element is 0."""

    def test_the_slopes_of_a_product_with_zeros(self):
        assert slopes(ac.prod, [2.0, 3.0, 4.0]) == [[12, 8, 6]]
        assert slopes(ac.prod, [2.0, 0.0, 4.0]) == [[0, 8, 0]]
        assert slopes(ac.prod, [0.0, 3.0, 0.0]) == [[0, 0, 0]]
        assert slopes(lambda x: ac.prod(x, 1), [[0.0, 5.0], [0.0, 0.0]]) == [[[5, 0], [0, 0]]]

    def test_second_derivatives_with_two_zeros(self):
        assert ac.hessian(ac.prod)(np.array([0.0, 3.0, 0.0])).tolist() == [[0, 0, 3], [0, 0, 0], [3, 0, 0]]

    def test_the_slopes_of_a_running_product_with_a_zero(self):
        assert slopes(ac.cumprod, [2.0, 0.0, 4.0], cotangent=np.array([1.0, 10.0, 100.0])) == [[1, 820, 0]]

    def test_the_slopes_of_a_product_are_computed_without_dividing(self):
        assert slopes(ac.prod, [0.0, 1e-200, 1e-200]) == [[0, 0, 0]]


class TestOrderAndTies:
    def test_equal_elements_keep_their_order(self):
        grad = np.array([1.0, 2.0, 3.0, 4.0])
        assert slopes(ac.sort, [2.0, 1.0, 2.0, 1.0], cotangent=grad) == [[3, 1, 4, 2]]
        assert ac.argsort(np.array([2.0, 1.0, 2.0, 1.0])).tolist() == [1, 3, 0, 2]

    def test_nan_comes_last_and_has_its_slope(self):
        out = ac.sort(np.array([np.nan, 1.0, -np.inf]))
        assert out[:2].tolist() == [-np.inf, 1]
        assert np.isnan(out[2])
        assert slopes(ac.sort, [np.nan, 1.0, 0.0], cotangent=np.array([1.0, 2.0, 3.0])) == [[3, 2, 1]]

    def test_indices_are_plain_and_of_the_first_extreme(self):
        t = ac.Tensor([1.0, 3.0, 3.0, 1.0], requires_grad=True)
        for found, index in [(ac.argmax(t), 1), (ac.argmin(t), 0), (t.argmin(), 0), (t.argmax(), 1)]:
            assert type(found) is np.ndarray
            assert found == index
        assert ac.argmax(np.array([[1.0, 2.0]]), 1, keepdims=True).tolist() == [[1]]


class TestSpread:
    def test_the_slope_of_the_deviation_of_a_constant_is_0(self):
        assert slopes(ac.std, [2.0, 2.0, 2.0]) == [[0, 0, 0]]
        (grad,) = slopes(lambda x: ac.std(x, 1), [[1.0, 3.0], [2.0, 2.0]])
        assert grad == [[-0.5, 0.5], [0, 0]]

    def test_the_sums_of_weights_come_with_an_average(self):
        x = np.array([[1.0, 2.0], [3.0, 5.0]])
        value, scale = ac.average(x, 0, np.array([3.0, 1.0]), returned=True)
        assert (value.tolist(), scale.tolist()) == ([1.5, 2.75], [4, 4])
        value, scale = ac.average(x, returned=True)
        assert (value, scale) == (2.75, 4)

    def test_python_numbers_are_not_rounded_beside_float64(self):
        x = np.array([0.1, 0.7])
        assert ac.average(x, weights=[0.1, 0.2]) == np.average(x, weights=[0.1, 0.2])
        assert ac.dot(x, [0.1, 0.2]) == np.dot(x, [0.1, 0.2])
        assert ac.dot(x, 0.1).tolist() == (x * 0.1).tolist()
        assert ac.diff(x, prepend=0.3).tolist() == np.diff(x, prepend=0.3).tolist()
        assert ac.linalg.solve(np.eye(2), [0.1, 0.2]).tolist() == [0.1, 0.2]
        assert ac.l1_loss(x, [0.1, 0.3], "none").tolist() == [0, 0.7 - 0.3]
        assert ac.mse_loss(x, [0.1, 0.7]) == 0


class TestLinearAlgebra:
    def test_the_norm(self):
        assert ac.grad(np.linalg.norm)([3.0, 4.0]) == pytest.approx([0.6, 0.8], rel=1e-6)
        assert ac.grad(np.linalg.norm)(np.array([3.0, 4.0])).tolist() == [0.6, 0.8]

    @pytest.mark.parametrize("order", [None, 1, 2, 3, 0.5, np.inf])
    def test_the_norm_of_zeros_has_slope_0(self, order):
        assert slopes(lambda x: ac.linalg.norm(x, order), [0.0, 0.0]) == [[0, 0]]
        if order in (None, 2):
            assert ac.hessian(ac.linalg.norm)(np.zeros(2)).tolist() == [[0, 0], [0, 0]]

    def test_zeros_beside_other_elements_have_slope_0_in_a_norm(self):
        assert slopes(lambda x: ac.linalg.norm(x, 1), [0.0, -2.0]) == [[0, -1]]
        assert slopes(lambda x: ac.linalg.norm(x, 0.5), [0.0, 4.0]) == [[0, 1]]

    def test_equal_largest_elements_share_the_slope_of_a_norm(self):
        assert slopes(lambda x: ac.linalg.norm(x, np.inf), [1.0, -2.0, 2.0]) == [[0, -0.5, 0.5]]
        assert slopes(lambda x: ac.linalg.norm(x, -np.inf), [1.0, -1.0, 2.0]) == [[0.5, -0.5, 0]]

    def test_the_number_of_nonzero_elements_is_constant(self):
        x = ac.Tensor([0.0, 3.0, 2.0], requires_grad=True)
        out = ac.linalg.norm(x, 0)
        assert out.item() == 2
        assert not out.requires_grad

    def test_the_determinant_of_a_singular_matrix_has_its_cofactors_for_slopes(self):
        (grad,) = slopes(ac.linalg.det, [[1.0, 2.0], [2.0, 4.0]])
        np.testing.assert_allclose(grad, [[4, -2], [-2, 1]], atol=1e-12)
        np.testing.assert_allclose(slopes(ac.linalg.det, np.zeros((2, 2)))[0], np.zeros((2, 2)))
        hessian = ac.hessian(ac.linalg.det)(np.zeros((2, 2)))
        np.testing.assert_allclose(hessian.reshape(4, 4), np.fliplr(np.diag([1.0, -1, -1, 1])), atol=1e-12)

    def test_the_third_derivative_of_a_determinant_is_refused(self):
        third = ac.grad(lambda a: (ac.hessian(ac.linalg.det)(a) ** 2).sum())
        with pytest.raises(TypeError, match="no backward for its input 'a'"):
            third(np.eye(3))

    def test_the_logarithm_of_a_determinant_of_0_has_no_gradient(self):
        sign, logarithm = ac.linalg.slogdet(ac.Tensor(np.ones((2, 2)), requires_grad=True))
        assert (sign.item(), logarithm.item()) == (0, -np.inf)
        assert not sign.requires_grad
        with pytest.raises(np.linalg.LinAlgError, match=r"slogdet: .* of shape \(2, 2\) has one"):
            logarithm.backward()
        found = ac.linalg.slogdet(-np.eye(3))
        assert (found.sign, found.logabsdet) == (-1, 0)

    def test_the_slopes_of_a_cholesky_factor_are_symmetric(self):
        (grad,) = slopes(lambda a: ac.linalg.cholesky(a)[1, 0], [[4.0, 2.0], [2.0, 5.0]])
        assert grad == [[-0.125, 0.25], [0.25, 0]]
        lower, upper = (ac.linalg.cholesky(np.array([[4.0, 7.0], [2.0, 53.0]]), upper=u) for u in (False, True))
        assert lower.tolist() == np.linalg.cholesky([[4.0, 2.0], [2.0, 53.0]]).tolist()
        assert upper.tolist() == [[2, 3.5], [0, np.sqrt(53 - 3.5**2)]]

    def test_a_vector_on_the_right_is_one_for_every_matrix(self):
        a = np.stack([np.eye(2), 2 * np.eye(2)])
        assert ac.linalg.solve(a, np.array([2.0, 4.0])).tolist() == [[2, 4], [1, 2]]
        assert slopes(ac.linalg.solve, a, [2.0, 4.0])[1] == [1.5, 1.5]


class TestBinaryCrossEntropy:
    def test_no_loss_is_more_than_100(self):
        x, t = [0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]
        assert ac.binary_cross_entropy(np.array(x), np.array(t), reduction="none").tolist() == [100, 100, 0, 0]
        assert slopes(lambda x: ac.binary_cross_entropy(x, np.array(t), reduction="sum"), x) == [[-1e12, 1e12, 0, 0]]
        assert slopes(lambda t: ac.binary_cross_entropy(np.array(x), t, reduction="sum"), t) == [[100, -100, 100, -100]]


class TestInfinitiesAndExtremes:
    """No overflow, no nan where the definition has a limit; warnings are errors here."""

    def test_relu(self):
        assert ac.relu(np.array([-np.inf, np.inf, -1, 2])).tolist() == [0, np.inf, 0, 2]
        assert np.isnan(ac.relu(np.array([np.nan])))
        assert slopes(ac.relu, [-np.inf, np.inf]) == [[0, 1]]

    def test_sigmoid_softplus_tanh(self):
        far = np.array([-1000.0, 1000.0])
        assert ac.sigmoid(far).tolist() == [0, 1]
        assert ac.softplus(far).tolist() == [0, 1000]
        assert ac.tanh(far).tolist() == [-1, 1]
        assert ac.sigmoid(np.array([-30.0])) == pytest.approx(np.exp(-30), rel=1e-12)
        assert slopes(ac.sigmoid, [-1000.0, 1000.0]) == [[0, 0]]
        assert slopes(ac.softplus, [-1000.0, 1000.0]) == [[0, 1]]

    def test_softmax_and_its_logarithm(self):
        logits = np.array([[1000.0, 0.0], [-1000.0, 0.0], [-np.inf, 0.0]])
        assert ac.softmax(logits).tolist() == [[1, 0], [0, 1], [0, 1]]
        assert ac.log_softmax(logits).tolist() == [[0, -1000], [-1000, 0], [-np.inf, 0]]

    def test_logsumexp(self):
        assert ac.logsumexp(np.array([1000.0, 1000.0])) == pytest.approx(1000 + np.log(2))
        assert ac.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
        assert ac.logsumexp(np.array([np.inf, 0.0])) == np.inf
        assert slopes(ac.logsumexp, [-np.inf, -np.inf]) == [[0, 0]]
        assert slopes(ac.logsumexp, [-np.inf, 0.0]) == [[0, 1]]

    def test_cross_entropy(self):
        logits = [[1000.0, -1000.0], [-np.inf, 0.0]]
        assert ac.softmax_cross_entropy(np.array(logits), np.array([1, 1]), "none").tolist() == [2000, 0]
        (grad,) = slopes(lambda x: ac.softmax_cross_entropy(x, np.array([1, 1]), "sum"), logits)
        assert grad == [[1, -1], [0, 0]]
        assert ac.sigmoid_cross_entropy(np.array([1000.0]), np.array([0.0])) == 1000

    def test_elu_and_gelu(self):
        far = np.array([-1000.0, 1000.0])
        assert ac.elu(far, 2.0).tolist() == [-2, 1000]
        for approximate in ("none", "tanh"):
            assert ac.gelu(far, approximate).tolist() == [0, 1000]


class TestNothing:
    """Axes without elements, and arrays without axes: as in PyTorch or NumPy."""

    def test_sums_and_softmax(self):
        assert ac.sum(np.zeros((2, 0)), 1).tolist() == [0, 0]
        assert ac.logsumexp(np.zeros((2, 0)), 1).tolist() == [-np.inf, -np.inf]
        assert ac.softmax(np.zeros((2, 0))).shape == ac.log_softmax(np.zeros((2, 0))).shape == (2, 0)
        assert ac.softmax(np.zeros((0, 3))).shape == (0, 3)
        with pytest.raises(np.exceptions.AxisError):
            ac.softmax(np.zeros((2, 0)), 2)

    def test_the_mean_is_nan_and_warns_as_in_numpy(self):
        x = ac.Tensor(np.zeros((2, 0)), requires_grad=True)
        with pytest.warns(RuntimeWarning) as warned:
            mean = ac.mean(x, 1)
        assert "Mean of empty slice" in str(warned[0].message)
        assert np.isnan(mean.data).all()
        mean.backward(np.ones(2))
        assert x.grad.shape == (2, 0)

    @pytest.mark.parametrize("op", [ac.sum, ac.mean, ac.max, ac.min, ac.logsumexp])
    @pytest.mark.parametrize("axis", [0, -1, None, ()])
    def test_an_array_without_axes_is_its_own_reduction(self, op, axis):
        x = ac.Tensor(np.array(2.0), requires_grad=True)
        out = op(x, axis)
        out.backward(np.array(3.0))
        assert (out.item(), x.grad.tolist()) == (2, 3)
        with pytest.raises(np.exceptions.AxisError):
            op(x, 1)

    @pytest.mark.parametrize("batch", [1, 4])
    def test_a_convolution_of_no_channel_is_its_bias(self, batch):
        x, weight, bias = np.zeros((batch, 0, 4, 5)), np.zeros((2, 0, 3, 3)), np.array([1.0, 2.0])
        out = ac.conv2d(x, weight, bias)
        np.testing.assert_array_equal(out, np.broadcast_to(bias[:, None, None], (batch, 2, 2, 3)))
        *nothing, slope = slopes(ac.conv2d, x, weight, bias)
        assert [np.size(grad) for grad in nothing] == [0, 0]
        assert slope == [6 * batch, 6 * batch]

    def test_normalization(self):
        assert slopes(lambda x: ac.layer_norm(x, 0), np.zeros((2, 0))) == [[[], []]]
        assert slopes(lambda x: ac.group_norm(x, 2), np.zeros((1, 2, 0))) == [[[[], []]]]

    def test_cross_entropy_of_no_example(self):
        logits = ac.Tensor(np.zeros((0, 3)), requires_grad=True)
        loss = ac.softmax_cross_entropy(logits, np.zeros(0, int), "sum")
        loss.backward()
        assert (loss.item(), logits.grad.shape) == (0, (0, 3))

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    @pytest.mark.parametrize("targets", [np.zeros(0, int), np.zeros((0, 0))])
    def test_cross_entropy_of_no_class(self, targets, smoothing):
        assert ac.softmax_cross_entropy(np.zeros((0, 0)), targets, "sum", smoothing) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_list_of_probabilities_has_the_dtype_of_the_logits(dtype):
    logits = np.array([[0.5, -1.0], [0.25, 2.0]], dtype)
    loss = ac.softmax_cross_entropy(logits, [[0.25, 0.75], [1.0, 0.0]], "none")
    assert loss.dtype == dtype
    exact = ac.softmax_cross_entropy(logits.astype(float), np.array([[0.25, 0.75], [1.0, 0.0]]), "none")
    np.testing.assert_allclose(loss, exact, rtol=1e-6)


def test_losses_of_integers_and_booleans_are_those_of_floats():
    small, more = np.array([1, 5, 2], np.uint8), np.array([3, 0, 2], np.uint8)
    assert ac.mse_loss(small, more) == ac.mse_loss(small.astype(np.float32), more.astype(np.float32))
    assert ac.mse_loss(small > 1, more > 1) == pytest.approx(2 / 3)
    assert ac.softmax_cross_entropy(small, np.array(0)) == pytest.approx(4.0658839)
    weight = np.array([0.5, 1.0, 1.0])
    assert ac.softmax_cross_entropy(small, np.array(0), "sum", weight=weight) == pytest.approx(4.0658839 / 2)
    assert ac.nll_loss(-small.astype(int), np.array(1), weight, reduction="sum") == 5
    logits = np.array([0.5, -1.0, 2.0])
    for kind in (bool, np.uint8, int):
        expected = ac.sigmoid_cross_entropy(logits, np.array([1.0, 0.0, 1.0]))
        assert ac.sigmoid_cross_entropy(logits, np.array([1, 0, 1], kind)) == expected


def test_take_reads_booleans_as_numbers_and_an_index_as_a_mask():
    x = np.array([10.0, 20.0])
    assert ac.take(x, [True, True]).tolist() == np.take(x, [True, True]).tolist() == [20, 20]
    assert ac.take(x, np.array([False, True])).tolist() == [10, 20]
    assert ops.getitem(x, np.array([False, True])).tolist() == [20]


def test_einsum_broadcasts_axes_of_length_one():
    x, y = np.array([[2.0], [3.0]]), np.array([1.0, 10.0, 100.0])
    assert ac.einsum("ij,j->i", x, y).tolist() == [222, 333]
    grad = np.array([1.0, -1.0])
    assert slopes(lambda x, y: ac.einsum("ij,j->i", x, y), x, y, cotangent=grad) == [[[111], [-111]], [-1, -1, -1]]


class TestWhatIsIgnored:
    def test_an_ignored_label_costs_nothing_and_has_no_gradient(self):
        logits = ac.Tensor(np.zeros((3, 2)), requires_grad=True)
        loss = ac.softmax_cross_entropy(logits, np.array([0, -100, 1]))
        assert loss.item() == pytest.approx(np.log(2))
        loss.backward()
        assert logits.grad.tolist() == [[-0.25, 0.25], [0, 0], [0.25, -0.25]]

    def test_the_mean_over_ignored_labels_alone_is_nan_and_its_gradient_0(self):
        logits = ac.Tensor(np.zeros((2, 3)), requires_grad=True)
        loss = ac.softmax_cross_entropy(logits, np.array([7, 7]), ignore_index=7)
        assert np.isnan(loss.item())
        loss.backward()
        assert not logits.grad.any()

    @pytest.mark.parametrize("loss", [ac.softmax_cross_entropy, ac.nll_loss])
    def test_the_ignored_label_may_be_one_of_the_classes(self, loss):
        logits = np.array([[2.0, 0.5, 1.0], [0.0, 3.0, 1.0]])
        found = loss(logits, np.array([1, 2]), ignore_index=1, reduction="none")
        assert found.tolist() == [0, loss(logits, np.array([1, 2]), reduction="none")[1]]
        assert loss(logits, np.array([0, 0]), ignore_index=1) == loss(logits, np.array([0, 0]))

    def test_class_weights_count_in_the_mean(self):
        logits, labels, weight = np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([0, 1]), np.array([1.0, 3.0])
        each = ac.softmax_cross_entropy(logits, labels, "none")
        expected = (each[0] + 3 * each[1]) / 4
        assert ac.softmax_cross_entropy(logits, labels, weight=weight) == pytest.approx(expected)
        assert ac.nll_loss(ac.log_softmax(logits), labels, weight) == pytest.approx(expected)

    def test_targets_may_be_tensors(self):
        logits = np.array([[2.0, 0.0]])
        assert ac.softmax_cross_entropy(logits, ac.Tensor(np.array([1]))) == ac.softmax_cross_entropy(
            logits, np.array([1])
        )


class TestBatchNorm:
    def test_running_statistics_move_by_momentum_with_the_unbiased_variance(self, rng):
        x = rng.standard_normal((4, 2, 3, 3))
        mean, variance = np.zeros(2), np.ones(2)
        ac.batch_norm(x, mean, variance, training=True, momentum=0.25)
        np.testing.assert_allclose(mean, 0.25 * x.mean((0, 2, 3)))
        np.testing.assert_allclose(variance, 0.75 + 0.25 * x.var((0, 2, 3), ddof=1))

    def test_running_statistics_may_be_tensors_and_stay_as_they_are_in_evaluation(self, rng):
        x = rng.standard_normal((4, 2)).astype(np.float32)
        mean, variance = ac.Tensor(np.zeros(2, np.float32)), ac.Tensor(np.ones(2, np.float32))
        ac.batch_norm(x, mean, variance)
        assert mean.data.tolist() == [0, 0]
        ac.batch_norm(x, mean, variance, training=True)
        np.testing.assert_allclose(mean.data, 0.1 * x.mean(0), rtol=1e-5)
        assert mean.dtype == np.float32

    @pytest.mark.parametrize("training", [True, False])
    def test_weight_and_bias_may_be_left_out(self, training, rng):
        x, one, zero = rng.standard_normal((4, 2)), np.ones(2), np.zeros(2)
        plain = ac.batch_norm(x, zero.copy(), one.copy(), training=training)
        np.testing.assert_array_equal(plain, ac.batch_norm(x, zero.copy(), one.copy(), one, zero, training))

    def test_the_order_of_arguments_is_that_of_pytorch(self, rng):
        x, mean, variance = rng.standard_normal((4, 2)), rng.standard_normal(2), rng.uniform(1, 2, 2)
        weight, bias = rng.standard_normal((2, 2))
        out = ac.batch_norm(x, mean, variance, weight, bias, False, 0.5, 1e-3)
        np.testing.assert_allclose(out, (x - mean) / np.sqrt(variance + 1e-3) * weight + bias)

    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize(("dtype", "other"), [(np.float32, np.float64), (np.float64, np.float32)])
    def test_running_statistics_keep_their_dtype_and_leave_the_output_its_own(self, dtype, other, training, rng):
        x = ac.Tensor(rng.standard_normal((4, 2)).astype(dtype), requires_grad=True)
        mean, variance = np.zeros(2, other), np.ones(2, other)
        out = ac.batch_norm(x, mean, variance, training=training)
        assert (out.dtype, mean.dtype, variance.dtype) == (dtype, other, other)
        expected = ac.batch_norm(x.data, np.zeros(2, dtype), np.ones(2, dtype), training=training)
        np.testing.assert_allclose(out.data, expected, rtol=1e-6)

    def test_training_works_without_running_statistics(self, rng):
        x = rng.standard_normal((4, 2))
        without = ac.batch_norm(x, None, None, training=True)
        np.testing.assert_array_equal(without, ac.batch_norm(x, np.zeros(2), np.ones(2), training=True))

    def test_running_statistics_are_constants(self, rng):
        mean, variance = (ac.Tensor(a, requires_grad=True) for a in (np.zeros(2), np.ones(2)))
        x = ac.Tensor(rng.standard_normal((4, 2)), requires_grad=True)
        ac.batch_norm(x, mean, variance).sum().backward()
        assert mean.grad is None
        assert variance.grad is None


class TestDropout:
    def test_integers_are_scaled_too(self, rng):
        out = ac.dropout(np.full(100, 3), 0.3, training=True, rng=rng)
        assert set(np.unique(out)) == {0, np.float32(1 / 0.7) * 3}

    def test_the_rate_and_the_scale(self, rng):
        x = np.ones((100, 100), np.float32)
        out = ac.dropout(x, 0.3, training=True, rng=rng)
        assert set(np.unique(out)) == {0, np.float32(1 / 0.7)}
        assert (out == 0).mean() == pytest.approx(0.3, abs=0.02)
        assert out.dtype == np.float32

    def test_evaluation_and_p_0_do_nothing(self, rng):
        x = ac.Tensor([1.0, 2.0], requires_grad=True)
        assert ac.dropout(x, 0.5, training=False) is x
        assert ac.dropout(x, 0.0, training=True, rng=rng) is x

    def test_p_1_drops_all(self, rng):
        assert slopes(lambda x: ac.dropout(x, 1, training=True, rng=rng), [1.0, 2.0]) == [[0, 0]]

    def test_the_same_seed_drops_the_same(self):
        first, second = (ac.dropout(np.ones(99), 0.5, True, np.random.default_rng(1)) for _ in range(2))
        assert first.tolist() == second.tolist()


def test_images_keep_the_batch_innermost(rng):
    """A layer's output has the memory order that the next one wants, and so has its gradient."""
    weight = ac.Tensor(rng.standard_normal((4, 3, 3, 3)).astype(np.float32), requires_grad=True)
    x = ac.Tensor(rng.standard_normal((16, 3, 6, 6)).astype(np.float32), requires_grad=True)
    for out in (ac.conv2d(x, weight), ac.relu(ac.conv2d(x, weight)), ac.max_pool2d(x, 2), ac.avg_pool2d(x, 2)):
        assert out.data.transpose(2, 1, 3, 0).flags.c_contiguous
    flat = ac.flatten(ac.max_pool2d(x, 2), 1)
    assert flat.data.T.flags.c_contiguous
    np.testing.assert_array_equal(flat.data, ac.max_pool2d(x, 2).numpy().reshape(16, -1))


def test_convolution_keeps_nothing_of_the_size_of_its_columns(rng):
    """What is alive between forward and backward is the input and the weight, not K² copies of the input."""
    x = ac.Tensor(rng.standard_normal((8, 3, 16, 16)), requires_grad=True)
    weight = ac.Tensor(rng.standard_normal((4, 3, 5, 5)), requires_grad=True)
    out = ac.conv2d(x, weight, padding=2)
    kept = [v for v in out.node.kept.values() if isinstance(v, np.ndarray)]
    assert {id(v) for v in kept} == {id(x._data), id(weight._data)}


@pytest.mark.parametrize("loss", [ac.softmax_cross_entropy, ac.nll_loss])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.uint64, np.int64, ">i4", ">u2"])
def test_labels_are_integers_of_any_kind(loss, dtype, rng):
    logits, labels = rng.standard_normal((3, 4)), np.array([0, 3, 1])
    assert loss(logits, labels.astype(dtype)) == loss(logits, labels)
    with pytest.raises(ValueError, match="a label is from 0 to 3, or -100 to be ignored; 1 of 3 are not"):
        loss(logits, np.array([0, 4, 1], dtype))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("order", ["C", "F", "sliced"])
def test_a_linear_layer_takes_any_order_in_memory(n, order, rng):
    x, weight, bias = rng.standard_normal((n, 4)), rng.standard_normal((5, 4)), rng.standard_normal(5)
    stored = np.repeat(x, 2, axis=1)[:, ::2] if order == "sliced" else np.array(x, order=order)
    leaves = [ac.Tensor(a, requires_grad=True) for a in (stored, weight, bias)]
    grad = rng.standard_normal((n, 5))
    out = ac.linear(*leaves)
    out.backward(grad)
    np.testing.assert_allclose(out.data, x @ weight.T + bias, rtol=1e-12)
    for leaf, expected in zip(leaves, (grad @ weight, grad.T @ x, grad.sum(0)), strict=True):
        np.testing.assert_allclose(leaf.grad, expected, rtol=1e-12)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_the_gradient_of_a_determinant_that_is_not_finite_is_nan_and_no_error(odd):
    matrices = np.stack([np.eye(3), np.eye(3)])
    matrices[1, 0, 2] = odd
    with np.errstate(invalid="ignore"):  # of the determinant itself
        (grad,) = ac.vjp(ac.linalg.det, matrices)[1](np.ones(2))
    np.testing.assert_allclose(grad[0], np.eye(3), atol=1e-12)
    assert np.isnan(grad[1]).all()
