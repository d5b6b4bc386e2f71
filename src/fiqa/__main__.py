"""`python -m fiqa` is the command `fiqa`."""

from __future__ import annotations

from fiqa.cli import main

if __name__ == "__main__":
    main()
