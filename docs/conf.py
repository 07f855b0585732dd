"""The guide. ``python -m sphinx -W -n docs docs/_build/html`` runs all code in it, and fetches nothing."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "_ext"))

from stand_in import write_stand_in

import crmsprop

# The chapter on CIFAR-10 finds the stand-in where it would find the data.
_data = tempfile.TemporaryDirectory(prefix="crmsprop-docs-")
os.environ["CRMSPROP_DATA"] = _data.name
write_stand_in(_data.name)

project = "crmsprop"
author = "The crmsprop developers"
copyright = author
version = release = crmsprop.__version__
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "docstrings",
    "pictures",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "chapters", "reference/backreferences"]
default_role = "literal"  # docstrings put names into single backquotes
nitpicky = True
smartquotes = False  # {"relu", "tanh"} in a docstring is code
toc_object_entries_show_parents = "hide"  # a sidebar has no room for CNNClassifier.decision_function

autodoc_typehints = "none"  # numpydoc's sections say them, in words
autodoc_member_order = "bysource"
autosummary_ignore_module_all = False
numpydoc_show_class_members = False

plot_formats = [("png", 144)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_rcparams = {"figure.figsize": (6.4, 4.0)}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "chapters",
    "gallery_dirs": "tuning",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "chapters.Order",
    "reset_modules": ("matplotlib", "chapters.warnings_are_errors"),
    "reset_modules_order": "both",
    "abort_on_example_error": True,
    "capture_repr": (),  # what a page shows is printed or drawn
    "image_srcset": ["2x"],
    "doc_module": ("crmsprop",),
    "reference_url": {"crmsprop": None},
    "backreferences_dir": "reference/backreferences",
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": float("inf"),  # how busy the machine of a build was says nothing to a reader
    "show_signature": False,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"crmsprop {release}"
html_static_path = ["_static"]
html_css_files = ["crmsprop.css"]
html_show_sourcelink = False
html_show_sphinx = False
html_sidebars = {"guide/start": []}
html_theme_options = {
    "logo": {"text": "crmsprop"},
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
