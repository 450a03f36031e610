"""Cloud SQL in the sandbox: the Admin API over PostgreSQL clusters that really run."""
