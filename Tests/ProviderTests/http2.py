"""An HTTP/2 server that sends bodies back, with the number of the connection in a header. With `fickle` behind its
certificate and key, it answers one request on its first connection; then it lets no more of a body come, and refuses
the next when the client has read of it."""

import socket
import ssl
import sys
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings


def serve(raw, number):
    with context.wrap_socket(raw, server_side=True) as client:
        h = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        h.initiate_connection()
        client.sendall(h.data_to_send())
        bodies, pings, refuses = {}, 0, False
        while received := client.recv(65536):
            for event in h.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    bodies[event.stream_id] = b""
                    if refuses:
                        h.ping(b"the 1st.")
                elif isinstance(event, h2.events.PingAckReceived):
                    # Before it answers a second time the client has been where it sends.
                    pings += 1
                    if pings == 1:
                        h.ping(b"the 2nd.")
                    else:
                        h.reset_stream(max(bodies), h2.errors.ErrorCodes.REFUSED_STREAM)
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    h.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    body = bodies[event.stream_id]
                    h.send_headers(event.stream_id, [(":status", "200"), ("x-connection", str(number))])
                    for start in range(0, len(body), h.max_outbound_frame_size):
                        h.send_data(event.stream_id, body[start : start + h.max_outbound_frame_size])
                    h.end_stream(event.stream_id)
                    if number == 0 and is_fickle:
                        refuses = True
                        h.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
            client.sendall(h.data_to_send())


is_fickle = sys.argv[3:] == ["fickle"]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.set_alpn_protocols(["h2"])
listener = socket.create_server(("127.0.0.1", 0))
print(f"listen 127.0.0.1:{listener.getsockname()[1]}", flush=True)
number = 0
while True:
    raw, _ = listener.accept()
    threading.Thread(target=serve, args=(raw, number), daemon=True).start()
    number += 1
