from tests.integration.conftest import redis, shopping

__all__ = ["redis", "shopping"]
