"""The client that works offline: a durable store and outbox on the device, synced over HTTP."""
