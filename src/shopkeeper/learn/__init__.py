"""Tables → release: split, fit, replay, train, evaluate through the engine, publish."""
