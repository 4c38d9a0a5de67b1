"""Sphinx configuration: guide, gallery of examples, reference from numpydoc docstrings."""

import os
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder, FileNameSortKey

import ecgsk

DOCS = Path(__file__).parent
# Real recordings beside the checkout, as the tests have them. Examples marked `real_` run where
# they are present; elsewhere their pages show stored pictures.
REAL_DATA = Path(os.environ.get("ECGSK_REAL_DATA", DOCS.parents[1] / "shared" / "data"))
HAS_REAL_DATA = (REAL_DATA / "README.md").exists()
if HAS_REAL_DATA:
    os.environ["ECGSK_REAL_DATA"] = str(REAL_DATA)
    tags.add("real_data")  # noqa: F821

project = "ecgsk"
author = "The ecgsk developers"
copyright = "The ecgsk developers, BSD 3-Clause licence"
version = release = ecgsk.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/**/GALLERY_HEADER.rst"]
suppress_warnings = [
    "ref.ref",  # inherited docstrings point into scikit-learn's own pages
    "config.cache",  # the gallery's settings hold functions
]

autosummary_generate = True
numpydoc_show_class_members = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3  # headings that other pages link to

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

SECTIONS = [
    "signals",
    "preprocessing",
    "diagnosis",
    "joint_embedding",
    "laboratory",
    "model_selection",
    "extending",
    "deployment",
    "open_data",
]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": ExplicitOrder([f"../examples/{section}" for section in SECTIONS]),
    "within_subsection_order": FileNameSortKey,
    "filename_pattern": r"/plot_" if HAS_REAL_DATA else r"/plot_(?!real_)",
    "backreferences_dir": "_generated/backreferences",
    "doc_module": ("ecgsk",),
    "reference_url": {"ecgsk": None},
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "plot_gallery": "True",
    "show_memory": False,
    "parallel": 2,
}

html_theme = "pydata_sphinx_theme"
html_title = "ecgsk"
html_static_path = ["_static"]
html_css_files = ["ecgsk.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "get_started": []}
html_theme_options = {
    "header_links_before_dropdown": 6,
    "icon_links": [
        {
            "name": "Paper",
            "url": "https://arxiv.org/abs/2512.07021",
            "icon": "fa-solid fa-file-lines",
        }
    ],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
