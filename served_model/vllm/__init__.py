"""vLLM as the served model: its environment, its settings, its process. Used by `provender serve`."""
