"""Brings raw events back that a refused deletion hid: a newer version over the marker, a newer row over the mark."""
