// libcurl's functions, loaded when the first of them is needed.

import CLibcurl

/// The functions of libcurl (https://curl.se/libcurl/c/), after `curl_global_init`.
struct Libcurl: @unchecked Sendable {
  // Unchecked because the compiler knows nothing about addresses of functions; these never change.
  private let functions: UnsafePointer<clibcurl>

  /// Nil where the system has no libcurl, or none of 7.85 or later.
  static let shared: Libcurl? = {
    let functions = UnsafeMutablePointer<clibcurl>.allocate(capacity: 1)
    functions.initialize(to: clibcurl())
    return clibcurl_load(functions) == 1 ? Libcurl(functions: functions) : nil
  }()

  typealias Easy = UnsafeMutableRawPointer
  typealias Multi = UnsafeMutableRawPointer
  typealias List = UnsafeMutablePointer<curl_slist>

  func makeEasy() -> Easy? { functions.pointee.easy_init() }
  func reset(_ easy: Easy) { functions.pointee.easy_reset(easy) }
  func free(easy: Easy) { functions.pointee.easy_cleanup(easy) }

  func set(_ easy: Easy, _ option: CURLoption, _ value: Int) {
    _ = clibcurl_set_number(functions, easy, option, value)
  }

  func set(_ easy: Easy, _ option: CURLoption, large value: Int) {
    _ = clibcurl_set_large(functions, easy, option, curl_off_t(value))
  }

  /// Sets a text, of which libcurl keeps a copy. False where it has no memory for it.
  @discardableResult
  func set(_ easy: Easy, _ option: CURLoption, _ value: String?) -> Bool {
    clibcurl_set_text(functions, easy, option, value) == CURLE_OK
  }

  /// Sets a pointer, which libcurl goes on using.
  func set(_ easy: Easy, _ option: CURLoption, pointer value: UnsafeMutableRawPointer?) {
    _ = clibcurl_set_pointer(functions, easy, option, value)
  }

  func set(_ easy: Easy, _ option: CURLoption, sink: @escaping clibcurl_sink) {
    _ = clibcurl_set_sink(functions, easy, option, sink)
  }

  /// Sets what is called before each sending of a request, on whatever connection.
  func set(_ easy: Easy, beforeSending: @escaping curl_prereq_callback) {
    _ = clibcurl_set_prereq(functions, easy, beforeSending)
  }

  /// Sets what is told to go to another place of the body.
  func set(_ easy: Easy, seek: @escaping curl_seek_callback) { _ = clibcurl_set_seek(functions, easy, seek) }

  /// Has sockets opened with `SOCK_CLOEXEC`.
  func keepSocketsFromChildren(_ easy: Easy) { clibcurl_close_on_exec(functions, easy) }

  func number(_ easy: Easy, _ info: CURLINFO) -> Int {
    clibcurl_number(functions, easy, info)
  }

  /// What `CURLOPT_PRIVATE` was set to.
  func context(_ easy: Easy) -> UnsafeMutableRawPointer? {
    clibcurl_private(functions, easy)
  }

  /// libcurl's own words for a result.
  func words(for code: CURLcode) -> String {
    functions.pointee.easy_strerror(code).map { String(cString: $0) } ?? ""
  }

  func makeMulti() -> Multi? { functions.pointee.multi_init() }
  func free(multi: Multi) { _ = functions.pointee.multi_cleanup(multi) }

  func set(_ multi: Multi, _ option: CURLMoption, _ value: Int) {
    _ = clibcurl_set_multi(functions, multi, option, value)
  }

  func add(_ easy: Easy, to multi: Multi) -> Bool {
    functions.pointee.multi_add_handle(multi, easy) == CURLM_OK
  }
  func remove(_ easy: Easy, from multi: Multi) { _ = functions.pointee.multi_remove_handle(multi, easy) }

  /// Has these called, with `context`, on the thread that uses `multi`: with each socket that a transfer waits for
  /// from now on, or waits for no longer, and with the time after which `act` is to be called at the latest.
  func watch(
    _ multi: Multi, sockets: @escaping curl_socket_callback, timer: @escaping curl_multi_timer_callback,
    context: UnsafeMutableRawPointer
  ) {
    clibcurl_watch(functions, multi, sockets, timer, context)
  }

  /// Goes on with what waits for a socket.
  ///
  /// - Parameter events: `CURL_CSELECT_IN` and so on.
  func act(_ multi: Multi, on socket: curl_socket_t, events: Int32) {
    var running: Int32 = 0
    _ = functions.pointee.multi_socket_action(multi, socket, events, &running)
  }

  /// Goes on with what waits for no socket, or has waited long enough.
  func act(_ multi: Multi) { act(multi, on: CURL_SOCKET_TIMEOUT, events: 0) }

  /// The next transfer that is done.
  func nextDone(_ multi: Multi) -> (easy: Easy, result: CURLcode)? {
    var left: Int32 = 0
    while let message = functions.pointee.multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
      return (easy, clibcurl_result(message))
    }
    return nil
  }

  /// The list with one more text; what was given is part of what comes back, or is freed.
  func append(_ text: String, to list: List?) -> List? {
    if let longer = functions.pointee.slist_append(list, text) { return longer }
    free(list: list)
    return nil
  }

  func free(list: List?) { functions.pointee.slist_free_all(list) }
}
