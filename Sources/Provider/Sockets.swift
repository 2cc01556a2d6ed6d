// What transfers wait for: their sockets, and the moment when libcurl wants to be asked at the latest.

import CLibcurl
import Glibc
import Threads

/// Waits in one poll(2) for all sockets of a multi handle, and lets libcurl go on with those that are ready: a call that
/// waits costs nothing while others are answered (https://curl.se/libcurl/c/libcurl-multi.html, MULTI_SOCKET).
///
/// Used on one thread. To be held for as long as the handle is there.
final class Sockets {
  private let libcurl: Libcurl
  private let multi: Libcurl.Multi
  private let wakeup: Wakeup
  /// The first is the descriptor that wakes the thread.
  private var waits: [pollfd]
  /// Where each socket stands in `waits`.
  private var places: [curl_socket_t: Int] = [:]
  /// Nanoseconds on the monotonic clock.
  private var due: UInt64?

  init(_ libcurl: Libcurl, _ multi: Libcurl.Multi, wakeup: Wakeup) {
    self.libcurl = libcurl
    self.multi = multi
    self.wakeup = wakeup
    waits = [pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)]
    libcurl.watch(
      multi,
      sockets: { _, socket, what, context, _ in
        if let context {
          Unmanaged<Sockets>.fromOpaque(context).takeUnretainedValue().wait(for: socket, what)
        }
        return 0
      },
      timer: { _, milliseconds, context in
        if let context {
          Unmanaged<Sockets>.fromOpaque(context).takeUnretainedValue().act(after: milliseconds)
        }
        return 0
      }, context: Unmanaged.passUnretained(self).toOpaque())
  }

  private func wait(for socket: curl_socket_t, _ what: Int32) {
    let place = places[socket]
    if what == CURL_POLL_REMOVE {
      guard let place else { return }
      places[socket] = nil
      let last = waits.removeLast()
      guard place < waits.count else { return }
      waits[place] = last
      places[last.fd] = place
      return
    }
    let reads = what == CURL_POLL_IN || what == CURL_POLL_INOUT
    let writes = what == CURL_POLL_OUT || what == CURL_POLL_INOUT
    let wait = pollfd(fd: socket, events: Int16((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), revents: 0)
    if let place {
      waits[place] = wait
    } else {
      places[socket] = waits.count
      waits.append(wait)
    }
  }

  private func act(after milliseconds: Int) {
    due = milliseconds < 0 ? nil : monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
  }

  /// Lets libcurl go on with what waits for no socket: new calls, and those that have waited long enough.
  func actIfDue() {
    guard let due, due <= monotonicNanoseconds() else { return }
    self.due = nil
    libcurl.act(multi)
  }

  /// Lets libcurl go on with the sockets that are ready.
  ///
  /// - Parameter patiently: Whether to wait until there is one, until something is due, or until the thread is woken.
  func act(patiently: Bool) {
    let ready = poll(&waits, nfds_t(waits.count), patiently ? timeout : 0)
    guard ready > 0 else { return }
    if waits[0].revents != 0 { wakeup.drain() }
    // What libcurl does with one may end the wait for another, or begin one for a new socket of the same number.
    for wait in waits.dropFirst() where wait.revents != 0 {
      guard let place = places[wait.fd], waits[place].revents != 0 else { continue }
      waits[place].revents = 0
      var events: Int32 = 0
      if wait.revents & Int16(POLLIN | POLLHUP) != 0 { events |= CURL_CSELECT_IN }
      if wait.revents & Int16(POLLOUT) != 0 { events |= CURL_CSELECT_OUT }
      if wait.revents & Int16(POLLERR | POLLNVAL) != 0 { events |= CURL_CSELECT_ERR }
      libcurl.act(multi, on: wait.fd, events: events)
    }
  }

  /// In milliseconds; -1 for none.
  private var timeout: Int32 {
    guard let due else { return -1 }
    let now = monotonicNanoseconds()
    return due <= now ? 0 : Int32(min((due - now + 999_999) / 1_000_000, 86_400_000))
  }
}
