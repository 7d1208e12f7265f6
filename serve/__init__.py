"""The private API and the chat page: one model behind an OpenAI-compatible address that follows its alias."""
