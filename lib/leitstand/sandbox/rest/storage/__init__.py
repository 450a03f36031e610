"""Cloud Storage: buckets and objects over the JSON API, the contents as files."""
