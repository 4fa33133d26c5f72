"""Files: written whole or not at all, TOML and JSON checked against dataclasses, and locks."""
