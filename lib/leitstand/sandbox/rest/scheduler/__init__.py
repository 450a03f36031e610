"""Cloud Scheduler: jobs that call Google's APIs by the clock, and a clock that can be moved."""
