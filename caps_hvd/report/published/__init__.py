"""Published measurements of the papers that are reproduced, one file for each paper."""
