"""Assistant: Gemini chat, leads, follow-ups, bookings and Excel reports."""
