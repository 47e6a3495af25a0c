from django.apps import AppConfig
from django.conf import settings


class ObservabilityConfig(AppConfig):
    name = "observability"

    def ready(self) -> None:
        """Keys that cannot be used are said at the start, not at the first secret."""
        from observability.vault import key_ring  # noqa: PLC0415  settings are complete by now

        if settings.VAULT_KEYS:
            key_ring()
