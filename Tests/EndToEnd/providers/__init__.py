"""Providers of text messages as the server meets them: fakes on loopback that keep what they received."""
