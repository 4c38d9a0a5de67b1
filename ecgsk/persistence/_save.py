"""Save and load a model folder."""

import hashlib
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sklearn
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ecgsk._files import find_folder, replace_folder
from ecgsk._paths import describe
from ecgsk._stored_files import MAX_JSON_BYTES, checksum
from ecgsk.exceptions import DamagedFileError, ECGError
from ecgsk.persistence._codec import ManifestDecoder, ManifestEncoder
from ecgsk.persistence._manifest import (
    FORMAT,
    MANIFEST,
    VERSION,
    WEIGHTS,
    seal,
    unseal,
)
from ecgsk.persistence._versions import made_with, warn_of_versions

_WEIGHTS_CHECKSUM, _MANIFEST_CHECKSUM = "weights_sha256", "manifest_sha256"
# Files that file managers create in any folder they show.
_FILE_MANAGER_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}


def save(estimator: BaseEstimator, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Save a fitted estimator or pipeline as safetensors and JSON, without pickle.

    The folder holds ``weights.safetensors`` and a readable ``manifest.json``:
    leads, sampling rate, preprocessing, labels and laboratory names, and the
    parameters and fitted attributes of each estimator.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : estimator
        One of ecgsk's, or a scikit-learn ``Pipeline`` of them.
    folder : path-like
        Folder to write; it and its parents are created.
    overwrite : bool, default=False
        Replace an existing model. A folder with other files in it is never replaced.
        The old model stays until the new one is complete, whenever the process ends.

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
        If the estimator is of another library, as a ``GridSearchCV``, or a parameter
        or attribute is not data; the message names it.
    ECGError
        If the folder cannot be written, is the current folder, or another process is
        writing it; or if a class has attributes that are not part of the format. What was
        there is unchanged.

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
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            "ecgsk.save: expected a fitted estimator of ecgsk, or a Pipeline of them; got a "
            f"{type(estimator).__name__}."
        )
    check_is_fitted(estimator)
    _check_replaceable(find_folder(folder), overwrite)
    encoder = ManifestEncoder()
    content = {
        "format": FORMAT,
        "version": VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_with": made_with(),
        **_summary(estimator),
        "model": encoder.encode(estimator, type(estimator).__name__),
    }
    # Each file states the checksum of the other.
    weights = save_arrays(encoder.arrays, {_MANIFEST_CHECKSUM: checksum(content)})
    manifest = seal({**content, _WEIGHTS_CHECKSUM: hashlib.sha256(weights).hexdigest()})
    with replace_folder(folder, overwrite=overwrite) as new:
        (new / WEIGHTS).write_bytes(weights)
        (new / MANIFEST).write_bytes(manifest)
    return Path(folder)


def load(
    folder: str | Path, *, device: str | None = None, trusted: Iterable[type] = ()
) -> BaseEstimator:
    """Load a model that :func:`save` wrote, without running code from the file.

    .. versionadded:: 0.1

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
    DamagedFileError
        If a file is not what `save` wrote; the message names it.
    ECGError
        If the model is of another format, uses a class that is not allowed, or cannot
        be read.

    Warns
    -----
    VersionWarning
        If the model was made with a newer or much older version of ecgsk, scikit-learn,
        NumPy, pandas or PyTorch.

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
    trusted = _check_trusted(trusted)
    manifest, weights = _read_both(folder)
    path = Path(folder) / MANIFEST
    stated = manifest.pop(_WEIGHTS_CHECKSUM, None)
    arrays = _read_arrays(weights, Path(folder) / WEIGHTS, stated, checksum(manifest))
    del weights
    warn_of_versions(manifest.get("made_with"), Path(folder))
    try:
        return ManifestDecoder(arrays, trusted, device).decode_model(manifest["model"])
    except (MemoryError, Warning):
        raise
    except Exception as error:
        if type(error) is ECGError:  # a class that is not allowed
            raise
        kind = "" if isinstance(error, DamagedFileError) else f"{type(error).__name__}: "
        raise DamagedFileError(
            f"ecgsk.load: {path} does not describe a fitted model: "
            f"{kind}{str(error).rstrip('.')}. "
            "Copy the folder again, or fit again with this version."
        ) from error


def _check_trusted(trusted: Any) -> list[type]:
    is_list = isinstance(trusted, Iterable) and not isinstance(trusted, type | str)
    classes = list(trusted) if is_list else [trusted]
    if not is_list or not all(isinstance(cls, type) for cls in classes):
        raise TypeError(
            "ecgsk.load: expected trusted to be a list of classes, as [MyEncoder]; got "
            f"{trusted!r}."
        )
    return classes


def _read_both(folder: str | Path) -> tuple[dict[str, Any], bytes]:
    """Return manifest and weights of one writer: another may replace the folder meanwhile."""
    for last in (False, True):
        found = find_folder(folder)
        try:
            written, weights = _read_file(found, MANIFEST), _read_file(found, WEIGHTS)
            manifest = unseal(written, found / MANIFEST)
        except (ECGError, FileNotFoundError):
            if last:
                raise
            continue
        if last or hashlib.sha256(weights).hexdigest() == manifest.get(_WEIGHTS_CHECKSUM):
            break
    return manifest, weights


def _read_file(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if not path.exists():
            # The commands write a model into a folder of their output.
            inner = folder / "model"
            mend = f"Give {inner}." if (inner / name).exists() else "Check the path."
            raise FileNotFoundError(
                f"ecgsk.load: expected {MANIFEST} and {WEIGHTS}, as ecgsk.save writes them, in "
                f"{folder}. {mend}"
            )
        if not path.is_file():
            raise DamagedFileError(f"ecgsk.load: {path} is not a file. Copy the folder again.")
        if name == MANIFEST and path.stat().st_size > MAX_JSON_BYTES:
            raise DamagedFileError(
                f"ecgsk.load: {path} has more than {MAX_JSON_BYTES:,} bytes; ecgsk.save writes "
                "less. Copy the folder again."
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ECGError(
            f"ecgsk.load: cannot read {path} ({error}). Check its permissions and the disk."
        ) from error


def _read_arrays(weights: bytes, path: Path, stated: Any, manifest_checksum: str) -> dict[str, Any]:
    """Return the arrays of a weights file that belongs to a manifest."""
    intact = hashlib.sha256(weights).hexdigest() == stated
    try:
        if intact:
            length = int.from_bytes(weights[:8], "little")
            metadata = json.loads(weights[8 : 8 + length])["__metadata__"]
            intact = metadata[_MANIFEST_CHECKSUM] == manifest_checksum
            arrays = load_arrays(weights)
    except (SafetensorError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"ecgsk.load: cannot read {path} ({error}). Copy the folder again."
        ) from error
    if not intact:
        raise DamagedFileError(
            f"ecgsk.load: {path} does not match the checksum in {MANIFEST}; it is damaged or "
            "from another model. Copy the folder again."
        )
    return arrays


def _check_replaceable(folder: Path, overwrite: bool) -> None:
    """Raise unless the folder is absent, or holds a model alone and `overwrite` is True."""
    if not os.path.exists(folder):
        return
    try:
        names = {path.name for path in folder.iterdir()} - _FILE_MANAGER_FILES
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        is_model = names == {MANIFEST, WEIGHTS} and manifest["format"] == FORMAT
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
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
