"""Reports: what people and programs read of a result."""
