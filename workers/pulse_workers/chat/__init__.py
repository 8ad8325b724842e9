"""The Pulse Radar application: chat messages, agents, providers and their tasks."""
