"""The MTConnect adapter: one machine as its agent shows it over HTTP."""
