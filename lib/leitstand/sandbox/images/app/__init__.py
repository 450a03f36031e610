"""The sample application: a small Django project that runs as a Cloud Run container would."""
