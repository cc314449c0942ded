"""python -m thalweg.examples.mnist: trains networks on handwritten digits, shows how they did."""

from __future__ import annotations

import argparse
import sys

from thalweg.examples.mnist import data as datasets
from thalweg.examples.mnist import report
from thalweg.examples.mnist.models import RECIPES
from thalweg.examples.mnist.train import train


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m thalweg.examples.mnist", description=__doc__)
    p.add_argument(
        "--model",
        choices=[*RECIPES, "all"],
        default="cnn",
        help="default: cnn, 99.3 %% of the test digits",
    )
    p.add_argument(
        "--data",
        metavar="DIR",
        help="folder with the four MNIST files (default: download once to a cache)",
    )
    p.add_argument(
        "--steps", type=int, help="batches to train on (default: the model's own number)"
    )
    p.add_argument("--batch", type=int, default=100)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "--picture",
        metavar="PNG",
        default="mnist.png",
        help="curves, filters, mistakes; '' for none",
    )
    args = p.parse_args(argv)
    if args.steps is not None and args.steps < 1:
        p.error(f"--steps must be at least 1, got {args.steps}")
    if args.batch < 1:
        p.error(f"--batch must be at least 1, got {args.batch}")

    try:
        data, source = datasets.load(args.data, args.seed)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{source}: {data.train.num_examples} training and {data.test.num_examples} test images")

    results = {}
    for name in RECIPES if args.model == "all" else [args.model]:
        recipe = RECIPES[name]
        steps = args.steps or recipe.steps
        with report.progress_bar(name, steps) as progress:
            results[name] = train(recipe, data, steps, args.batch, args.seed, progress=progress)
    print(report.table(results, data.test.num_examples))
    if args.picture:
        try:
            report.picture(args.picture, results, data)
            print(f"curves, filters and mistakes: {args.picture}")
        except ImportError:
            print(
                "no picture: matplotlib is not installed (pip install 'thalweg[examples]')",
                file=sys.stderr,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
