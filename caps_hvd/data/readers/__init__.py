"""Readers of data set files, one file for each format."""
