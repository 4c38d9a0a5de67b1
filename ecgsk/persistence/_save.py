"""Save and load a model folder."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sklearn
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import ecgsk
from ecgsk._paths import describe
from ecgsk.exceptions import ECGError
from ecgsk.persistence._codec import ManifestDecoder, ManifestEncoder

_FORMAT, _VERSION = "ecgsk model", 1
_MANIFEST, _WEIGHTS = "manifest.json", "weights.safetensors"
# Files that file managers create in any folder they show.
_FILE_MANAGER_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}


def save(estimator: BaseEstimator, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Save a fitted estimator or pipeline as safetensors and JSON, without pickle.

    The folder holds ``weights.safetensors`` and a readable ``manifest.json``:
    leads, sampling rate, preprocessing, labels and laboratory names, and the
    parameters and fitted attributes of each estimator.

    Parameters
    ----------
    estimator : estimator
        One of ecgsk's, or a scikit-learn ``Pipeline`` of them.
    folder : path-like
        Folder to write; it and its parents are created.
    overwrite : bool, default=False
        Replace an existing model. A folder with other files in it is never replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    FileExistsError
        If the folder exists and ``overwrite`` is False, or it is not a model.
    TypeError
        If a parameter or attribute is not data; the message names it.

    Examples
    --------
    >>> import ecgsk
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.preprocessing import BandpassFilter
    >>> X = make_clinical_ecg(n_subjects=5, random_state=0).X
    >>> folder = ecgsk.save(BandpassFilter(1.0, 30.0).fit(X), getfixture("tmp_path") / "model")
    >>> ecgsk.load(folder)
    BandpassFilter(high=30.0, low=1.0)
    """
    check_is_fitted(estimator)
    folder = Path(folder)
    if folder.exists():
        _check_replaceable(folder, overwrite)
    encoder = ManifestEncoder()
    tree = encoder.encode(estimator, type(estimator).__name__)
    weights = save_arrays(encoder.arrays)
    manifest = {
        "format": _FORMAT,
        "version": _VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_with": {
            "ecgsk": ecgsk.__version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        **_summary(estimator),
        "model": tree,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Write to a temporary folder and rename it, so that an interruption leaves no half model.
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        (temporary / _WEIGHTS).write_bytes(weights)
        (temporary / _MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False), "utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def load(
    folder: str | Path, *, device: str | None = None, trusted: Iterable[type] = ()
) -> BaseEstimator:
    """Load a model that :func:`save` wrote, without running code from the file.

    Parameters
    ----------
    folder : path-like
        The model's folder.
    device : str or None, default=None
        Device to predict on, such as ``"cpu"``; None keeps the saved parameter.
    trusted : iterable of type, default=()
        Your own classes that the model uses, such as an encoder. Only these,
        ecgsk's and a few of scikit-learn's are allowed.

    Returns
    -------
    estimator
        The fitted estimator.

    Raises
    ------
    FileNotFoundError
        If the folder holds no model.
    ECGError
        If the model is damaged, of another format, or uses a class that is not
        allowed.

    Examples
    --------
    >>> import ecgsk
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.preprocessing import Resample
    >>> X = make_clinical_ecg(n_subjects=5, random_state=0).X
    >>> folder = ecgsk.save(Resample(50).fit(X), getfixture("tmp_path") / "model")
    >>> ecgsk.load(folder).transform(X)["ecg"].ecg.sampling_rate
    50.0
    """
    folder = Path(folder)
    if not (folder / _MANIFEST).exists() or not (folder / _WEIGHTS).exists():
        raise FileNotFoundError(
            f"ecgsk.load: expected {_MANIFEST} and {_WEIGHTS}, as ecgsk.save writes them, in "
            f"{folder}. Check the path."
        )
    manifest = _read_manifest(folder / _MANIFEST)
    weights = (folder / _WEIGHTS).read_bytes()
    if hashlib.sha256(weights).hexdigest() != manifest.get("weights_sha256"):
        raise ECGError(
            f"ecgsk.load: {folder / _WEIGHTS} does not match the checksum in {_MANIFEST}; it is "
            "damaged or from another model. Copy the folder again."
        )
    try:
        arrays = load_arrays(weights)
    except SafetensorError as error:
        raise ECGError(f"ecgsk.load: cannot read {folder / _WEIGHTS}: {error}.") from error
    try:
        model = ManifestDecoder(arrays, trusted, device).decode(manifest["model"])
        check_is_fitted(model)
    except ECGError:
        raise
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ECGError(
            f"ecgsk.load: {folder / _MANIFEST} does not describe a fitted model "
            f"({type(error).__name__}: {error}). Copy the folder again."
        ) from error
    return model


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    """Raise unless the folder holds a model and no other file, and may be replaced."""
    try:
        names = {path.name for path in folder.iterdir()} - _FILE_MANAGER_FILES
        manifest = json.loads((folder / _MANIFEST).read_text("utf-8"))
        is_model = names == {_MANIFEST, _WEIGHTS} and manifest["format"] == _FORMAT
    except (OSError, ValueError, LookupError, TypeError):
        is_model = False
    if not is_model:
        raise FileExistsError(
            f"ecgsk.save: {folder} exists and is not a model, or holds other files too. "
            "Choose another folder."
        )
    if not overwrite:
        raise FileExistsError(
            f"ecgsk.save: {folder} already holds a model. Pass overwrite=True to replace it."
        )


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ECGError(
            f"ecgsk.load: {path} is not JSON: {error}. Copy the folder again."
        ) from error
    found = (manifest.get("format"), manifest.get("version")) if isinstance(manifest, dict) else ()
    if found != (_FORMAT, _VERSION):
        raise ECGError(
            f"ecgsk.load: {path} has format and version {found}; expected "
            f"{(_FORMAT, _VERSION)}. Use the ecgsk version that wrote it."
        )
    return manifest


def _summary(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the model's inputs and outputs for the head of the manifest."""
    steps = (
        [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    )
    first, last = steps[0], steps[-1]
    model = getattr(last, "encoder_", last)
    leads = getattr(model, "leads_", None) or getattr(first, "leads_in_", None)
    n_samples = getattr(model, "shape_", (None, None))[1]
    # Write defaults too: they may change between versions.
    with sklearn.config_context(print_changed_only=False):
        preprocessing = [describe(step) for step in steps[:-1]]
    return {
        "leads": None if leads is None else list(leads),
        "sampling_rate": getattr(model, "sampling_rate_", None),
        "n_samples": n_samples,
        "fitted_on_sampling_rate": getattr(first, "sampling_rate_in_", None),
        "preprocessing": preprocessing,
        "labels": getattr(model, "label_names_", None),
        "laboratories": last.label_names_ if model is not last else None,
    }
