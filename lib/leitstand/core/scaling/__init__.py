"""How many instances a service gets, and how the task queue stands still and goes on."""
