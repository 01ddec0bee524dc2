"""How well predictions agree with labels: accuracy, the confusion matrix, and figures for each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn.output.text import columns, shorten

# Longest class name shown in a table, in terminal columns.
_NAME_WIDTH = 40


def accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Return the share of predictions that equal their labels.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (N,)
        True and predicted classes.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If the arrays are not integers of one shape (N,), or N is 0.

    Examples
    --------
    >>> from autograd_cnn.training.metrics import accuracy
    >>> accuracy([0, 1, 2, 2], [0, 1, 2, 1])
    0.75
    """
    true, predicted = _class_indices(labels, predictions)
    if not true.size:
        raise ValueError("there is no label to compare with a prediction; expected at least one")
    return float((true == predicted).mean())


class CalibrationBins(NamedTuple):
    """Confidence and accuracy of predictions, in bins of equal width of the confidence.

    Attributes
    ----------
    confidence, accuracy : ndarray, (B,)
        The mean probability of the predicted class, and the share of right predictions; NaN in an empty bin.
    sizes : ndarray of int, (B,)
        The number of predictions in each bin.
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    sizes: NDArray[np.int64]


def calibration_bins(labels: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> CalibrationBins:
    """Put predictions into bins by their confidence, the probability of the predicted class.

    Parameters
    ----------
    labels : array_like of int, shape (N,)
        True classes.
    probabilities : array_like, shape (N, C)
        Of each class.
    bins : int, default 15
        Number of bins from 0 to 1, of equal width.

    Raises
    ------
    ValueError
        If the arrays do not fit together, N is 0, or `bins` is less than 1.

    Examples
    --------
    >>> from autograd_cnn.training.metrics import calibration_bins
    >>> calibration_bins([0, 1], [[0.9, 0.1], [0.9, 0.1]], bins=2)
    CalibrationBins(confidence=array([nan, 0.9]), accuracy=array([nan, 0.5]), sizes=array([0, 2]))
    """
    true, rows = np.asarray(labels), np.asarray(probabilities, np.float64)
    if rows.ndim != 2 or true.shape != rows.shape[:1] or not true.size:
        raise ValueError(
            f"labels of shape {true.shape} and probabilities of shape {rows.shape} were given: expected (N,) and "
            "(N, C), with N at least 1"
        )
    if bins < 1:
        raise ValueError(f"bins is {bins!r}: expected a whole number, 1 or more")
    confidence, right = rows.max(1), rows.argmax(1) == true
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    sizes = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 in an empty bin
        sure, correct = (np.bincount(bin_of, column, bins) / sizes for column in (confidence, right))
    return CalibrationBins(sure, correct, sizes)


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Return how far confidence is from accuracy, on average over the predictions.

    In each of the bins of `calibration_bins` the mean confidence is compared with the share of right predictions.

    Parameters
    ----------
    labels : array_like of int, shape (N,)
        True classes.
    probabilities : array_like, shape (N, C)
        Of each class.
    bins : int, default 15
        Number of bins from 0 to 1.

    Returns
    -------
    float
        Mean of the absolute differences, weighted by the predictions in a bin; 0 is best.

    Raises
    ------
    ValueError
        If the arrays do not fit together, N is 0, or `bins` is less than 1.

    References
    ----------
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    AAAI 2015; C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from autograd_cnn.training.metrics import expected_calibration_error
    >>> round(expected_calibration_error([0, 1], [[0.9, 0.1], [0.9, 0.1]]), 3)
    0.4
    """
    confidence, accuracy, sizes = calibration_bins(labels, probabilities, bins)
    return float(np.nansum(np.abs(confidence - accuracy) * sizes) / sizes.sum())


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> NDArray[np.int64]:
    """Count how often each class is predicted for each true class.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (N,)
        True and predicted classes, from 0 to C − 1.
    num_classes : int
        C.

    Returns
    -------
    ndarray of int64, shape (C, C)
        A row for each true class, a column for each predicted class, as in scikit-learn.

    Raises
    ------
    ValueError
        If the arrays are not integers of one shape (N,), or a class is outside 0 to C − 1.

    Examples
    --------
    >>> from autograd_cnn.training.metrics import confusion_matrix
    >>> confusion_matrix([0, 1, 2, 2], [0, 1, 2, 1], num_classes=3)
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1]])
    """
    true, predicted = _class_indices(labels, predictions)
    for name, classes in ("labels", true), ("predictions", predicted):
        outside = np.flatnonzero((classes < 0) | (classes >= num_classes))
        if outside.size:
            raise ValueError(
                f"{name} should be classes from 0 to {num_classes - 1}; got {classes[outside[0]]} at index {outside[0]}"
            )
    # As int64, since labels are often uint8, in which the product would wrap around.
    cells = true.astype(np.int64) * num_classes + predicted.astype(np.int64)
    counts = np.bincount(cells, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes).astype(np.int64, copy=False)


class Averages(NamedTuple):
    """Means over the classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class ClassificationReport:
    """Figures for each class and their averages; `str()` returns a table for the terminal.

    Attributes
    ----------
    class_names : tuple of str
        C names.
    precision : ndarray of float64, shape (C,)
        The share of the predictions of a class that are right.
    recall : ndarray of float64, shape (C,)
        The share of the members of a class that are predicted as such.
    f1 : ndarray of float64, shape (C,)
        The harmonic mean of precision and recall.
    support : ndarray of int64, shape (C,)
        Number of members of a class.
    accuracy : float
        Share of right predictions among all.
    """

    class_names: tuple[str, ...]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]
    accuracy: float

    @property
    def macro_average(self) -> Averages:
        """Means over the classes, all with the same weight."""
        return self._average(np.ones(len(self.class_names)))

    @property
    def weighted_average(self) -> Averages:
        """Means over the classes, weighted by their support."""
        return self._average(self.support.astype(np.float64))

    def _average(self, weights: NDArray[np.float64]) -> Averages:
        total = weights.sum()
        return Averages(*(float(_ratio(weights @ x, total)) for x in (self.precision, self.recall, self.f1)))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as lists, dicts and numbers, ready for JSON."""
        return {
            "accuracy": self.accuracy,
            "macro_average": self.macro_average._asdict(),
            "weighted_average": self.weighted_average._asdict(),
            "classes": [
                {"class": name, "precision": precision, "recall": recall, "f1": f1, "support": support}
                for name, precision, recall, f1, support in self._rows()
            ],
        }

    def _rows(self) -> list[tuple[str, float, float, float, int]]:
        columns = (self.precision.tolist(), self.recall.tolist(), self.f1.tolist(), self.support.tolist())
        return list(zip(self.class_names, *columns, strict=True))

    def __str__(self) -> str:
        total = int(self.support.sum())
        classes = [(shorten(name, _NAME_WIDTH), p, r, f1, n) for name, p, r, f1, n in self._rows()]
        averages = [
            ("macro average", *self.macro_average, total),
            ("weighted average", *self.weighted_average, total),
        ]
        width = max(columns(name) for name, *_ in (*classes, *averages))

        def line(name: str, *cells: str) -> str:
            return name + " " * (width - columns(name)) + "".join(f"{cell:>11}" for cell in cells)

        def lines(rows: Sequence[tuple[str, float, float, float, int]]) -> list[str]:
            return [line(name, f"{p:.4f}", f"{r:.4f}", f"{f1:.4f}", str(n)) for name, p, r, f1, n in rows]

        header = line("class", "precision", "recall", "F1", "support")
        overall = line("accuracy", "", "", f"{self.accuracy:.4f}", str(total))
        rule = "-" * len(header)
        return "\n".join([header, rule, *lines(classes), rule, overall, *lines(averages)])


def classification_report(
    labels: ArrayLike, predictions: ArrayLike, class_names: Sequence[str]
) -> ClassificationReport:
    """Compute precision, recall and F1 of each class.

    A ratio without a denominator (the precision of a class never predicted, the recall of a class without
    members) is 0, as with scikit-learn's ``zero_division=0``.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (N,)
        True and predicted classes, from 0 to C − 1.
    class_names : sequence of str
        C names, in the order of the classes.

    Returns
    -------
    ClassificationReport

    Raises
    ------
    ValueError
        If the arrays are not integers of one shape (N,), a class is outside 0 to C − 1, or C is 0.

    References
    ----------
    C. J. van Rijsbergen, *Information Retrieval*, 1979, chapter 7.

    Examples
    --------
    >>> from autograd_cnn.training.metrics import classification_report
    >>> print(classification_report([0, 0, 1, 1], [0, 1, 1, 1], ["cat", "dog"]))
    class             precision     recall         F1    support
    ------------------------------------------------------------
    cat                  1.0000     0.5000     0.6667          2
    dog                  0.6667     1.0000     0.8000          2
    ------------------------------------------------------------
    accuracy                                   0.7500          4
    macro average        0.8333     0.7500     0.7333          4
    weighted average     0.8333     0.7500     0.7333          4
    """
    if not class_names:
        raise ValueError("class_names is empty; expected a name for each class")
    matrix = confusion_matrix(labels, predictions, len(class_names))
    right, predicted, support = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    return ClassificationReport(
        class_names=tuple(class_names),
        precision=_ratio(right, predicted),
        recall=_ratio(right, support),
        f1=_ratio(2 * right, predicted + support),  # not from precision and recall, which are rounded
        support=support,
        accuracy=float(_ratio(right.sum(), support.sum())),
    )


def _class_indices(labels: ArrayLike, predictions: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    true, predicted = np.asarray(labels), np.asarray(predictions)
    for name, array in ("labels", true), ("predictions", predicted):
        # An empty list becomes float64, whatever it was meant to hold.
        if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
            raise ValueError(
                f"{name} should be integers of shape (N,); got {array.dtype} of shape {array.shape}"
                + ("; argmax(1) makes classes of scores" if array.ndim == 2 else "")
            )
    if true.shape != predicted.shape:
        raise ValueError(f"there should be as many labels as predictions; got {true.size} and {predicted.size}")
    return true, predicted


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Divide, with 0 / 0 = 0."""
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    result = np.zeros_like(above)
    np.divide(above, below, out=result, where=below != 0)
    return result
