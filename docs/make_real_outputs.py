"""Store the pictures of the examples on real data: ``python docs/make_real_outputs.py [NAME...]``.

The gallery shows them where the data are absent. ``ECGSK_REAL_DATA`` names the folder of the data.
"""

import io
import runpy
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "_static" / "real"


def store(script: Path) -> None:
    """Run a script, and store each of its figures as a PNG of 64 colours."""
    plt.show = lambda *_, **__: None
    runpy.run_path(str(script), run_name="__main__")
    for number in plt.get_fignums():
        buffer = io.BytesIO()
        plt.figure(number).savefig(buffer, dpi=90)
        picture = Image.open(buffer).convert("RGB")
        picture.quantize(64, dither=Image.Dither.NONE).save(
            FOLDER / f"{script.stem}_{number}.png", optimize=True
        )
    plt.close("all")


if __name__ == "__main__":
    plt.switch_backend("agg")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for script in sorted((ROOT / "examples" / "open_data").glob("plot_real_*.py")):
        if not sys.argv[1:] or script.stem in sys.argv[1:]:
            store(script)
