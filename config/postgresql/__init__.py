"""Django's PostgreSQL back end, with each connection bound to the application's role."""
