"""What many images cost: peak memory beside the size of the images, and seconds of an epoch.

    python benchmarks/image_scale.py                                 # 10,000, 30,000 and 100,000 images of 64 x 64
    python benchmarks/image_scale.py --sizes 2000,6000 --sources array

Images are made, in colour, and learned by `ImageClassifier` from an array in memory, from a `.npy` file that is mapped,
and from files that are decoded once. Each case is a program of its own with its worker processes. Its memory is the
proportional set size of all of them, in which shared pages count once, at its peak; that of a case of 1,000 images,
which is libraries and networks, is taken off: it trains more epochs, so that every process has a trial. Pages of mapped
files are told apart: the system takes them back when it needs them.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from automl_nn import ImageClassifier

SIDE, N_CLASSES, N_FEW, N_AT_ONCE = 64, 4, 1000, 2048
SOURCES = ("array", "mapped", "files")
SECONDS_BETWEEN = 0.2
"""Between two looks at the memory."""

SMALL = {
    "model.backbone.name": "cnn",
    "model.backbone.d_block": 8,
    "model.backbone.n_blocks": 2,
    "model.backbone.n_residual": 0,
    "model.backbone.side": 32,
    "train.batch_size": 64,
    "train.n_epochs": 2,
}
"""A network that is done soon: what is measured is the way of the images to it."""

FEW_EPOCHS = 100
"""Of the case that is taken off: no process is done before all others have begun."""


def labels(n: int) -> NDArray[np.int64]:
    return np.arange(n) % N_CLASSES


def pieces(n: int) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Noise that is brighter in one of the quarters: which one is the class."""
    rng, half = np.random.default_rng(0), SIDE // 2
    for start in range(0, n, N_AT_ONCE):
        rows = slice(start, min(n, start + N_AT_ONCE))
        x = rng.integers(0, 200, (rows.stop - start, SIDE, SIDE, 3), dtype=np.uint8)
        for quarter in range(N_CLASSES):
            top, left = half * (quarter // 2), half * (quarter % 2)
            x[labels(n)[rows] == quarter, top : top + half, left : left + half] += 40
        yield rows, x


def filled(n: int, x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    for rows, piece in pieces(n):
        x[rows] = piece
    return x


def given(source: str, n: int, folder: Path) -> Any:
    """Images as a user gives them; what is on the disk stays there for the next case."""
    shape = (n, SIDE, SIDE, 3)
    if source == "array":
        return filled(n, np.empty(shape, dtype=np.uint8))
    if source == "mapped":
        file = folder / f"{n}.npy"
        if not file.exists():
            filled(n, np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)).flush()  # type: ignore[attr-defined]
        return np.load(file, mmap_mode="r")
    paths = [folder / str(i // 1000) / f"{i}.jpg" for i in range(n)]
    for rows, piece in pieces(n):
        for path, pixels in zip(paths[rows], piece, strict=True):
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(pixels).save(path, quality=50)
    return paths


def learn(source: str, n: int, *, folder: Path, workers: int) -> None:
    """The case itself: says when it begins, and how long epochs took."""
    x, y, settings = given(source, n, folder), labels(n), SMALL
    if n == N_FEW:
        settings = {**SMALL, "train.n_epochs": FEW_EPOCHS}
    print("begun", flush=True)
    with TemporaryDirectory() as kept:
        url = f"sqlite:///{kept}/study.db"
        model = ImageClassifier(n_trials=workers, n_workers=workers, settings=settings, storage=url, random_state=0)
        begun = time.perf_counter()
        study = model.fit(x, y).study_
        epochs = study.epochs()
        print(json.dumps({"epoch": float(epochs["seconds"].median()), "all": time.perf_counter() - begun}), flush=True)


def memory(process: psutil.Process) -> tuple[int, int]:
    """Bytes of a process and of those that it started, and how much of it are pages of mapped files."""
    total = of_files = 0
    for one in (process, *process.children(recursive=True)):
        try:
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()[1:]
        except (OSError, ProcessLookupError):  # it has ended
            continue
        sizes = {name: 1024 * int(size.split()[0]) for name, size in (line.split(":") for line in lines)}
        total, of_files = total + sizes.get("Pss", 0), of_files + sizes.get("Pss_File", 0)
    return total, of_files


def measured(source: str, n: int, *, folder: Path, workers: int) -> dict[str, float]:
    """Peaks of memory of one case, and its times."""
    command = [sys.executable, __file__, "--case", source, str(n), str(folder), "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as case:
        assert case.stdout is not None
        if case.stdout.readline().strip() != "begun":
            sys.exit(f"The case {source} of {n:,} images could not begin.")
        peak = own = 0
        while case.poll() is None:
            total, of_files = memory(psutil.Process(case.pid))
            peak, own = max(peak, total), max(own, total - of_files)
            time.sleep(SECONDS_BETWEEN)
        told = json.loads(case.stdout.read().splitlines()[-1])
    return {"peak": peak, "own": own, **told}


def compare(source: str, sizes: list[int], *, folder: Path, workers: int) -> None:
    base = measured(source, N_FEW, folder=folder, workers=workers)
    found = [(n, measured(source, n, folder=folder, workers=workers)) for n in sizes]
    for n, case in found:
        images = n * SIDE * SIDE * 3
        whole, own = ((case[name] - base[name]) / images for name in ("peak", "own"))
        print(
            f"{source:7s} {n:8,} images {images / 1e6:7.0f} MB   memory {whole:5.2f} times the images, "
            f"{own:5.2f} without mapped files   epoch {case['epoch']:7.2f} s   in all {case['all']:6.1f} s",
            flush=True,
        )
    for (fewer, before), (more, after) in pairwise(found):
        print(
            f"{source:7s} {more / fewer:.2f} times the images: {after['epoch'] / before['epoch']:.2f} times the epoch"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,30000,100000", help="numbers of images")
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--workers", type=int, default=2, help="processes that train")
    parser.add_argument(
        "--folder", type=Path, help="where images on the disk are kept; a temporary folder unless given"
    )
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        source, n, folder = options.case
        learn(source, int(n), folder=Path(folder), workers=options.workers)
        return
    with TemporaryDirectory(prefix="automl_nn_images_") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for source in options.sources.split(","):
            compare(source, [int(n) for n in options.sizes.split(",")], folder=folder, workers=options.workers)


if __name__ == "__main__":
    main()
