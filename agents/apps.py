from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        from agents.hooks import install  # noqa: PLC0415  models are loaded by now

        install()
