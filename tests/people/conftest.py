from tests.integration.conftest import redis

__all__ = ["redis"]
