"""Google's REST APIs over JSON, served by the discovery documents that Google's client ships."""
