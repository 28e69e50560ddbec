"""The bus is a port with two adapters: RabbitMQ, and in-process. No service knows which it has."""
