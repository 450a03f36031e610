"""Pure decisions and value types; imports nothing else of Leitstand and does no I/O."""
