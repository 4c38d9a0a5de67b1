"""Checks for your own estimators and encoders."""
