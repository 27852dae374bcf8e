"""HTTP: the native API."""
