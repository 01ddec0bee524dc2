"""`python -m autograd_cnn`."""

import sys

from autograd_cnn.cli import main

sys.exit(main())
