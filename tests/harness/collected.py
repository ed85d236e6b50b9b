"""The settings of a deployment whose static files are collected elsewhere than in the checkout."""

import os
from pathlib import Path

from config.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["STATIC_ROOT"])
