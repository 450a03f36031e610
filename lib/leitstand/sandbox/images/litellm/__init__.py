"""A small sample of the LiteLLM proxy; not LiteLLM, whose import alone would take seconds."""
