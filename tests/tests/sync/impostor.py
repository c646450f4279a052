"""A TLS server with the certificate and key that the arguments name. Prints its port, and then one line for each
connection: "refused" if the client rejected the certificate, "sent" if it sent something over the connection."""

import socket
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    try:
        # In TLS 1.3 the client's alert arrives after the server has completed its side of the handshake.
        with context.wrap_socket(connection, server_side=True) as secured:
            print("sent" if secured.recv(1) else "refused", flush=True)
    except OSError:
        print("refused", flush=True)
