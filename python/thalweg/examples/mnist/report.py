"""What a run shows: a progress bar (with rich), a table and a picture (with matplotlib)."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from thalweg.examples.mnist.train import Result


@contextlib.contextmanager
def progress_bar(title: str, steps: int) -> Iterator[Callable[[int, Result], None]]:
    """Yields a function to call after each step; without rich, a line every thousand steps."""

    def text(r: Result) -> str:
        return f"test accuracy {100 * r.test_accuracy[-1]:.2f} %" if r.test_accuracy else ""

    try:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:

        def plain(step: int, r: Result) -> None:
            if step % 1000 == 0 or step == steps:
                print(f"{title}: step {step} of {steps}, {text(r)}", file=sys.stderr)

        yield plain
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
    )
    with Progress(*columns, TimeElapsedColumn(), TextColumn("{task.fields[note]}")) as bar:
        task = bar.add_task(title, total=steps, note="")

        def update(step: int, r: Result) -> None:
            if step % 20 == 0 or step == steps:
                bar.update(task, completed=step, note=text(r))

        yield update


def table(results: dict[str, Result], test_size: int) -> str:
    """One line a model: parameters, last and best test accuracy, digits missed, seconds."""
    rows = [("model", "parameters", "test accuracy", "best", "missed", "seconds")]
    for name, r in results.items():
        missed = round((1 - r.test_accuracy[-1]) * test_size)
        rows.append(
            (
                name,
                f"{r.parameters:,}",
                f"{100 * r.test_accuracy[-1]:.2f} %",
                f"{100 * r.best:.2f} %",
                f"{missed} of {test_size}",
                f"{r.seconds:.1f}",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def picture(path: str, results: dict[str, Result], data: Any) -> None:
    """Writes a PNG: loss and accuracy, first-layer filters, test digits the last model got wrong.

    Raises ImportError without matplotlib.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(12, 9), layout="constrained")
    grid = figure.add_gridspec(3, 2, height_ratios=(4, 1, 2))
    loss, accuracy = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    for name, r in results.items():
        (line,) = loss.plot(r.test_steps, r.test_loss, label=f"{name}, test")
        loss.plot(r.steps, r.train_loss, color=line.get_color(), alpha=0.3, linewidth=0.8)
        accuracy.plot(
            r.test_steps,
            [100 * a for a in r.test_accuracy],
            color=line.get_color(),
            label=f"{name}, test",
        )
    loss.set(title="Cross-entropy", xlabel="step", ylim=(0, 1))
    accuracy.set(title="Test accuracy (%)", xlabel="step", ylim=(90, 100))
    loss.legend()
    accuracy.legend(loc="lower right")

    last = list(results.values())[-1]
    filters = next((r.filters for r in reversed(results.values()) if r.filters is not None), None)
    if filters is not None:
        kernels = np.moveaxis(filters[:, :, 0, :], 2, 0)
        _tiles(figure.add_subplot(grid[1, :]), kernels, "First-layer filters", len(kernels))
    if last.predictions is not None:
        truth = data.test.labels.argmax(1)
        wrong = np.flatnonzero(last.predictions != truth)[:40]
        title = f"Test digits that {list(results)[-1]} got wrong (first {len(wrong)})"
        axes = figure.add_subplot(grid[2, :])
        captions = [f"{truth[i]} as {last.predictions[i]}" for i in wrong]
        _tiles(axes, data.test.images[wrong, :, :, 0], title, 20, captions)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _tiles(
    axes: Any, images: np.ndarray, title: str, columns: int, captions: list[str] | None = None
) -> None:
    axes.set_title(title)
    axes.axis("off")
    if not len(images):
        return
    h, w = images.shape[1:]
    rows = -(-len(images) // columns)
    low, high = images.min(), images.max()
    sheet = np.full((rows * (h + 6), columns * (w + 2)), high, images.dtype)
    for i, image in enumerate(images):
        y, x = i // columns * (h + 6), i % columns * (w + 2)
        sheet[y : y + h, x : x + w] = low + high - image
        if captions:
            axes.text(x + w / 2, y + h + 4, captions[i], fontsize=6, ha="center")
    axes.imshow(sheet, cmap="gray", vmin=low, vmax=high)
