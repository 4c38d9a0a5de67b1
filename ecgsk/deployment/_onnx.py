"""Export of a fitted model to ONNX."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.pipeline import Pipeline

import ecgsk
from ecgsk._files import replace_file
from ecgsk.deployment._heads import ExportedModel, ModelParts, heads_of, take_model_apart
from ecgsk.deployment._steps import SignalInput, translate_steps
from ecgsk.estimators import JointEmbeddingPretrainer
from ecgsk.exceptions import ECGError
from ecgsk.signals import ECGArray

#: Largest difference between the graph's probabilities and the model's.
TOLERANCE = 1e-5
_INPUT = "ecg"
# Records that compare the graph with the model.
_N_COMPARED = 8


def export(model: Any, path: str | PathLike) -> Path:
    """Export a fitted model to ONNX: preprocessing, network, heads and calibration.

    The graph has one input, ``ecg``, of shape (n_records, n_leads, n_samples), float32 in mV,
    NaN where a sample is missing. Its outputs are probabilities, equal to those of the model
    within 1e-5: ``diagnoses`` and ``laboratory_findings``, as far as the model has them, and
    the ``embedding``. A record that ``predict_proba`` refuses gets NaN. `export` compares the
    graph with the model on a few records before it writes the file.

    .. versionadded:: 0.1

    Parameters
    ----------
    model : estimator
        A fitted ECGDiagnosisClassifier, LabAbnormalityExplainer, JointEmbeddingPretrainer or
        MultilabelCalibrator, or a Pipeline of SelectLeads, Resample, BandpassFilter and one of
        them.
    path : path-like
        File to write.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ECGError
        For a model that cannot be exported, with the part and the reason; if the file cannot
        be written; if the graph's answers differ from the model's.
    ImportError
        If the extra ``onnx`` is not installed.

    Notes
    -----
    The model's metadata, a JSON value for each name, has leads and their order, sampling rate,
    unit, number of samples, names of the outputs' columns, thresholds, the training population
    and the version of ecgsk. `docs/guide/deployment.md` lists it, and what is refused.

    Examples
    --------
    >>> import ecgsk
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.encoders import ResNet1d
    >>> X, Y = make_clinical_ecg(n_subjects=20, random_state=0, return_X_y=True)
    >>> Y = Y[["atrial fibrillation", "diabetes"]]
    >>> model = ECGDiagnosisClassifier(ResNet1d(10, width=4), max_epochs=1, verbose=0).fit(X, Y)
    >>> ecgsk.export(model, "model.onnx")  # doctest: +SKIP
    PosixPath('model.onnx')
    """
    onnx = _import_onnx()
    parts = take_model_apart(model)
    steps, taken = translate_steps(parts.steps, parts.encoder)
    module = ExportedModel(steps, parts)
    with replace_file(path) as temporary:  # a path that cannot be written fails here
        graph = _trace(module, taken, parts)
        for name, value in describe(parts, taken).items():
            graph.metadata_props.add(key=name, value=json.dumps(value))
        content = graph.SerializeToString()
        compare(_run(content, taken), model, parts, taken)
        onnx.checker.check_model(graph)
        temporary.write_bytes(content)
    return Path(path)


def _import_onnx() -> Any:
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"export needs {error.name}, which is not installed: pip install 'ecgsk[onnx]'."
        ) from error
    return onnx


def _trace(module: ExportedModel, taken: SignalInput, parts: ModelParts) -> Any:
    """Return the graph as an ONNX ModelProto."""
    # Two records: torch.export would take a dimension of 1 for a constant.
    example = torch.zeros(2, len(taken.leads), taken.n_samples)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                module.eval(),
                (example,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("n_records")},),
                input_names=[_INPUT],
                output_names=module.output_names,
                verbose=False,
                external_data=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ECGError(
            f"export cannot express {parts.encoder.encoder_spec_!r} in ONNX: {reason} Choose "
            "another encoder; docs/benchmarks/export.md lists those that export."
        ) from error
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch's exporter: it logs that torchvision is absent, and warns of itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def describe(parts: ModelParts, taken: SignalInput) -> dict[str, Any]:
    """Return the metadata of an exported model, as JSON values."""
    facts: dict[str, Any] = {
        "leads": list(taken.leads),
        "sampling_rate": taken.sampling_rate,
        "n_samples": taken.n_samples,
        "unit": "mV",
    }
    for name, (head, calibrators) in heads_of(parts).items():
        labels = head.label_names_
        facts[name] = [str(label) for label in (head.classes_ if labels is None else labels)]
        thresholds = (calibrators or [head])[-1].thresholds_
        if thresholds is not None:
            facts[f"{name}_thresholds"] = np.asarray(thresholds, dtype=float).tolist()
        facts[f"{name}_calibrated"] = bool(calibrators)
    return facts | {
        "training_population": parts.encoder.training_population_ or "not stated",
        "software": f"ecgsk {ecgsk.__version__}",
        "note": "Research software. Not a medical device: it must not guide the care of a patient.",
    }


def _run(content: bytes, taken: SignalInput) -> dict[str, np.ndarray]:
    """Return the outputs of a graph for random records, by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {_INPUT: _random_records(taken)}), strict=True))


def compare(
    outputs: dict[str, np.ndarray], model: Any, parts: ModelParts, taken: SignalInput
) -> None:
    """Raise ECGError if a graph's outputs for random records are not those of the model."""
    ecg = ECGArray.from_numpy(
        _random_records(taken), leads=taken.leads, sampling_rate=taken.sampling_rate
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # samples are missing on purpose
        expected = _predict(model, parts, pd.DataFrame({"ecg": ecg}))
    for name, values in expected.items():
        difference = float(np.abs(outputs[name] - values).max() / max(1, np.abs(values).max()))
        if not difference <= TOLERANCE:
            raise ECGError(
                f"export: the graph's {name} differ from the model's by {difference:.2g}; expected "
                f"at most {TOLERANCE:g}. {parts.encoder.encoder_spec_!r} has no equal form in "
                "ONNX: choose another encoder. Nothing was written."
            )


def _predict(model: Any, parts: ModelParts, X: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the outputs of the graph, by the model itself."""
    prepared = Pipeline(parts.steps).transform(X) if parts.steps else X
    if parts.laboratories is None:
        if isinstance(parts.encoder, JointEmbeddingPretrainer):
            return {"embedding": parts.encoder.transform(prepared)}
        return {"diagnoses": model.predict_proba(X)}
    found = {"laboratory_findings": model.predict_proba(X)}
    if not isinstance(parts.encoder, JointEmbeddingPretrainer):
        calibrator = parts.laboratories.diagnosis_calibrator_
        P = parts.encoder.predict_proba(prepared)
        found["diagnoses"] = P if calibrator is None else calibrator.predict_proba(P)
    return found


def _random_records(taken: SignalInput) -> np.ndarray:
    """Return sums of sines and noise, with a gap, an empty lead, a flat one and a false value."""
    rng = np.random.default_rng(0)
    times = np.arange(taken.n_samples) / taken.sampling_rate
    frequencies, phases = rng.uniform((0.5, 0), (20, 6), (_N_COMPARED, len(taken.leads), 8, 2)).T
    waves = np.sin(2 * np.pi * frequencies.T[..., None] * times + phases.T[..., None]).sum(axis=2)
    x = (0.2 * waves + rng.normal(0, 0.02, waves.shape)).astype(np.float32)
    quarter = taken.n_samples // 4
    x[1, :, quarter : 2 * quarter] = np.nan
    x[4, :, -1] = -9999
    if len(taken.leads) > 1:
        x[2, 0], x[3, -1] = np.nan, 0
    return x
