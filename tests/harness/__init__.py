"""Real servers, and clients that know only the protocol, for tests of the whole."""
