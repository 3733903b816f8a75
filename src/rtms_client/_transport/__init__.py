"""Connections as the shell sees them, and their WebSocket implementation."""

from rtms_client._transport.base import Connector, Receiver, Transport
from rtms_client._transport.websocket import WebSocketConnector

__all__ = ["Connector", "Receiver", "Transport", "WebSocketConnector"]
