"""A TLS server with the certificate and key that the arguments name. Says its port, and then of each connection whether
the peer refused the certificate ("refused") or sent something over it ("sent")."""

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
        # In TLS 1.3 a refusal comes only after the server's side of the handshake is done.
        with context.wrap_socket(connection, server_side=True) as secured:
            print("sent" if secured.recv(1) else "refused", flush=True)
    except OSError:
        print("refused", flush=True)
