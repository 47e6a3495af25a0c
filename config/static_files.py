"""Static files under hashed names, the imports between our JavaScript modules included."""

from __future__ import annotations

from django.contrib.staticfiles.storage import HashedFilesMixin, ManifestStaticFilesStorage

# Django has them beside a switch for all files; django-stubs does not know them.
MODULE_IMPORTS = HashedFilesMixin._js_module_import_aggregation_patterns[1]  # type: ignore[attr-defined]  # noqa: SLF001


class ModuleStorage(ManifestStaticFilesStorage):
    """Django's own switch for module imports would also rewrite those of packages, and fails on django-htmx's."""

    patterns = (*HashedFilesMixin.patterns, ("js/*.js", MODULE_IMPORTS))
