"""Program that applies a unified diff to a source tree; a bare machine has no `patch`.

python apply_patch.py no_xla.patch horovod-0.28.1
"""

import sys

import patch_ng


def main() -> int:
    """Apply the patch; end 1 when it does not fit the source."""
    patch, source = sys.argv[1:]
    parsed = patch_ng.fromfile(patch)
    if not parsed or not parsed.apply(strip=1, root=source):
        print(f"error: {patch} does not fit the source in {source}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
