"""The rehearsal environment: emulated Google APIs over real processes."""
