"""Tools for those who write estimators and encoders of their own."""
