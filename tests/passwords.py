"""The product's way with passwords, at a price for tests: each hash takes a quarter of a second otherwise, and the demo
has four accounts."""

from __future__ import annotations

from django.contrib.auth.hashers import ScryptPasswordHasher


class CheapScrypt(ScryptPasswordHasher):
    work_factor = 2**4
