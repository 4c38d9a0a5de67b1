"""Learn from ECGs and clinical tables; predict from the ECG alone."""

__version__ = "0.1.0"
