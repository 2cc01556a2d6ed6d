// Sets of signals, for the threads and processes that this part starts.

// Glibc's type of such a set comes with libcurl's headers too, and which of them owns it depends on the build.
import CLibcurl
import Glibc

extension sigset_t {
  static var none: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    return set
  }

  static var all: sigset_t {
    var set = sigset_t()
    sigfillset(&set)
    return set
  }
}

/// Makes a write to a peer that has closed an error of the write rather than the end of the process, in the calling
/// thread and those that it starts.
func blockBrokenPipeSignal() {
  var set = sigset_t.none
  sigaddset(&set, SIGPIPE)
  pthread_sigmask(SIG_BLOCK, &set, nil)
}
