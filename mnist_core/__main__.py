"""``python -m mnist_core COMMAND``: the same as ``digit-lab COMMAND``."""

import sys

from mnist_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main(program="mnist_core"))
