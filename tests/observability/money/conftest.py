from tests.flows.conftest import desk, model_url

__all__ = ["desk", "model_url"]
