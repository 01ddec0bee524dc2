"""Tables and quantities as text."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from autograd_cnn.recording.call_site import CallSite


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return rows as a table: the first `left` columns are aligned left, the others right."""
    rows = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (header, ["─" * w for w in widths], *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, in the plural where it is not one.

    Examples
    --------
    >>> count(1, "epoch"), count(1437, "image"), count(2, "class", "classes")
    ('1 epoch', '1,437 images', '2 classes')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def meant(given: str, known: Iterable[str]) -> str:
    """Return the known name that equals the given one except for case, spaces, "-" and "_"; else the given one.

    Examples
    --------
    >>> meant("Fashion_MNIST", ["mnist", "fashion-mnist"]), meant("cats", ["mnist"])
    ('fashion-mnist', 'cats')
    """
    return next((name for name in known if _letters(name) == _letters(given)), given)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return a question that suggests the known name nearest to an unknown one; empty if none is near.

    Examples
    --------
    >>> did_you_mean("lenet", ["mlp", "lenet5"]), did_you_mean("cats", ["mlp", "lenet5"])
    ("; did you mean 'lenet5'?", '')
    """
    near = difflib.get_close_matches(given.lower(), list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _letters(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


def size(bytes_: int) -> str:
    """Return a number of bytes with its unit, as in ``98 KiB``.

    Examples
    --------
    >>> size(100), size(100_352), size(5_000_000)
    ('100 B', '98 KiB', '4.8 MiB')
    """
    scaled, unit = float(bytes_), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if scaled < 1024:
            break
        scaled, unit = scaled / 1024, larger
    return f"{scaled:.1f} {unit}" if scaled < 10 and unit != "B" else f"{scaled:.0f} {unit}"


def figure(value: float) -> str:
    """Return a number with three digits, or with all its digits before the point.

    Examples
    --------
    >>> figure(0.01234), figure(1.5), figure(1527.9)
    ('0.0123', '1.50', '1528')
    """
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def ratio(value: float) -> str:
    """Return a ratio, as a fraction if it is small.

    Examples
    --------
    >>> ratio(1.234), ratio(31.5), ratio(0.004)
    ('1.23', '31.5', '1/250')
    """
    return f"1/{1 / value:.0f}" if value < 0.1 else f"{value:.2f}" if value < 10 else figure(value)


def place(site: CallSite) -> str:
    """Return a call site as path and line: the path from the current folder, or else its last two parts."""
    path, here = Path(site.file), Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else Path(*path.parts[-2:])
    return f"{shown}:{site.line}"


def shown(text: object) -> str:
    r"""Return text as one line that a terminal only displays, without acting on it.

    Control characters, line breaks and characters without a shape of their own, such as those that reverse the
    direction of writing, are shown by their codes.

    Examples
    --------
    >>> print(shown("red \x1b[31mcat\n"), shown("Käse 猫"))
    red \x1b[31mcat\n Käse 猫
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else c.encode("unicode_escape").decode() for c in line
    )


def columns(text: str) -> int:
    """Return how many terminal columns a text takes: two for a wide character, none for an accent.

    Examples
    --------
    >>> columns("Käse"), columns("猫")
    (4, 2)
    """
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def shorten(name: str, width: int) -> str:
    """Shorten a name to at most `width` terminal columns, on one line.

    Examples
    --------
    >>> shorten("a cat on a mat", 10)
    'a cat o...'
    """
    name = shown(name)
    if columns(name) <= width:
        return name
    while columns(name) > width - 3:
        name = name[:-1]
    return name + "..."


class ShownError(Exception):
    """An error whose message is `shown`: it often has names in it that came from elsewhere."""

    def __str__(self) -> str:
        return shown(super().__str__())
