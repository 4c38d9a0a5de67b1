"""Sphinx configuration: Markdown pages, and the reference from numpydoc docstrings."""

import ecgsk

project = "ecgsk"
author = "The ecgsk developers"
release = ecgsk.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_parser"]
autosummary_generate = True
numpydoc_show_class_members = False
exclude_patterns = ["_build"]
# Inherited docstrings point into scikit-learn's own pages.
suppress_warnings = ["ref.ref"]
# Headings that other pages link to.
myst_heading_anchors = 2
html_theme = "alabaster"
html_static_path = ["_static"]
