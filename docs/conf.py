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
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_inventories", "auto_examples/**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]
suppress_warnings = [
    "ref.ref",  # inherited docstrings point into scikit-learn's own pages
    "config.cache",  # the gallery's settings hold functions
]

autosummary_generate = True
autodoc_typehints = "none"  # docstrings name the types
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the templates list them

# Read from the repository: a build needs no network. _inventories/README.md says how to renew.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", "_inventories/python.inv"),
    "pandas": ("https://pandas.pydata.org/docs/", "_inventories/pandas.inv"),
    "scipy": ("https://docs.scipy.org/doc/scipy/", "_inventories/scipy.inv"),
    "sklearn": ("https://scikit-learn.org/stable/", "_inventories/sklearn.inv"),
}

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
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["ecgsk.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # dark where the reader's system is
html_sidebars = {"index": [], "get_started": []}
html_theme_options = {
    "logo": {"text": "ecgsk", "image_light": "_static/logo.svg", "image_dark": "_static/logo.svg"},
    "header_links_before_dropdown": 4,
    "navbar_persistent": ["search-button"],
    "navbar_end": ["version-switcher", "theme-switcher", "navbar-icon-links"],
    # A release adds its line to switcher.json. Where several versions are published beside one
    # another, ECGSK_DOCS_SWITCHER is the address of the file that all of them read.
    "switcher": {
        "json_url": os.environ.get("ECGSK_DOCS_SWITCHER", "_static/switcher.json"),
        "version_match": version,
    },
    "check_switcher": "ECGSK_DOCS_SWITCHER" not in os.environ,  # else it asks the network
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


def skip_members_of_others(app, what, name, obj, skip, options):
    """Leave out what a class inherits from scikit-learn, pandas or torch."""
    function = getattr(obj, "fget", None) or getattr(obj, "__func__", None) or obj
    module = getattr(function, "__module__", None)
    return True if what == "class" and module and not module.startswith("ecgsk") else None


def setup(app):
    """Connect what this file adds to Sphinx."""
    app.connect("autodoc-skip-member", skip_members_of_others)
