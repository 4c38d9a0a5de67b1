"""Keep the class, function and exception names of another project's Sphinx inventory.

``python docs/_inventories/refresh.py sklearn path/to/objects.inv`` writes ``sklearn.inv``. The
build then links to that project without a network. A project that is new here needs its address
in ``intersphinx_mapping`` of ``docs/conf.py``.
"""

import re
import sys
import zlib
from pathlib import Path

KEPT = re.compile(rb" py:(class|function|exception) ")


def keep_names(inventory: bytes) -> bytes:
    """Return an inventory of version 2 with the kept lines alone."""
    *header, body = inventory.split(b"\n", 4)
    lines = [line for line in zlib.decompress(body).splitlines(True) if KEPT.search(line)]
    return b"\n".join([*header, zlib.compress(b"".join(lines), 9)])


if __name__ == "__main__":
    name, source = sys.argv[1:]
    Path(__file__).with_name(f"{name}.inv").write_bytes(keep_names(Path(source).read_bytes()))
