"""Digit Lab's core: everything but the pages. Never imports streamlit."""
