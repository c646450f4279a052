//! Persistent connections to a candidate, over which requests are sent in batches.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The number of open connections, and so of requests in flight.
pub(crate) const CONNECTIONS: usize = 16;
/// The time to wait for a response before the benchmark fails.
const RESPONSE_WAIT_MAX: Duration = Duration::from_secs(30);
/// The maximum number of header fields of a response.
const FIELDS_MAX: usize = 64;

/// The connections to one candidate.
pub(crate) struct Connections {
    address: SocketAddr,
    open: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    /// The bytes of the response that have arrived.
    buffer: Vec<u8>,
}

impl Connections {
    /// Returns connections to an address. They are opened when they are first needed.
    pub(crate) fn new(address: SocketAddr) -> Connections {
        Connections { address, open: Vec::new() }
    }

    /// Opens missing connections, and reopens those that the peer has closed.
    pub(crate) fn renew(&mut self) {
        self.open.retain(Connection::is_open);
        while self.open.len() < CONNECTIONS {
            self.open.push(Connection::open(self.address));
        }
    }

    /// Sends requests, one at a time over each connection, and reads the responses. Passes each status and
    /// response to `check`.
    ///
    /// # Panics
    /// If a connection breaks or a response does not arrive.
    pub(crate) fn send<'a>(
        &mut self,
        requests: impl Iterator<Item = &'a [u8]>,
        mut check: impl FnMut(u16, &[u8]),
    ) {
        let mut requests = requests.peekable();
        while requests.peek().is_some() {
            let mut sent = 0;
            for (connection, request) in self.open.iter_mut().zip(requests.by_ref().take(CONNECTIONS)) {
                connection.write(request);
                sent += 1;
            }
            for connection in self.open.iter_mut().take(sent) {
                let status = connection.read();
                check(status, &connection.buffer);
            }
        }
    }
}

impl Connection {
    fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}"));
        let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(RESPONSE_WAIT_MAX)));
        set.unwrap_or_else(|e| panic!("{address}: {e}"));
        Connection { stream, buffer: Vec::new() }
    }

    /// Returns whether the peer has neither closed the connection nor sent unexpected bytes.
    fn is_open(&self) -> bool {
        let peeked = self.stream.set_nonblocking(true).and_then(|()| self.stream.peek(&mut [0]));
        self.stream.set_nonblocking(false).is_ok()
            && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    fn write(&mut self, request: &[u8]) {
        self.stream.write_all(request).unwrap_or_else(|e| panic!("a request could not be sent: {e}"));
    }

    /// Reads a response into the buffer and returns its status.
    fn read(&mut self) -> u16 {
        self.buffer.clear();
        let mut chunk = [0; 4096];
        loop {
            let read = self.stream.read(&mut chunk).unwrap_or_else(|e| panic!("no response: {e}"));
            assert!(read > 0, "the connection ended before the response did");
            self.buffer.extend_from_slice(&chunk[..read]);
            if let Some((status, length)) = head(&self.buffer)
                && self.buffer.len() >= length
            {
                return status;
            }
        }
    }
}

/// Returns the status and the length of a response, or `None` if its header is incomplete.
///
/// # Panics
/// If the response is not HTTP/1.1, or has no `content-length`.
fn head(bytes: &[u8]) -> Option<(u16, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(bytes).unwrap_or_else(|e| panic!("a response is not HTTP: {e}"));
    let httparse::Status::Complete(head_bytes) = parsed else { return None };
    let length = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|field| std::str::from_utf8(field.value).ok()?.parse::<usize>().ok());
    let length = length.unwrap_or_else(|| panic!("a response has no content-length"));
    Some((response.code.unwrap_or(0), head_bytes + length))
}
