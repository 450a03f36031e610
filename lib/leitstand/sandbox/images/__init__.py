"""The container images of the sandbox: a catalogue, and the sample application they hold."""
