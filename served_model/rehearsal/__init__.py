"""The rehearsal model: an OpenAI-compatible server without weights that plants faults at known rates."""
