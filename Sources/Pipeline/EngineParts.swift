// What an engine is made of, and what it tells.

import FoundationEssentials
import Spool

/// How far the work has come, for a progress line.
public struct Progress: Sendable, Equatable {
  /// Inputs that have got their record since the start.
  public var done = 0
  /// Inputs that have gone to failed since the start.
  public var failed = 0
  /// Inputs in pending.
  public var waiting = 0
  /// Turns being taken.
  public var running = 0
  /// Calls to a model since the start, and what they cost in US dollars as far as it is known.
  public var calls = 0
  public var costUSD = 0.0
  /// Why nothing is sent to the provider at the moment.
  public var pause: Pause?

  public init() {}
}

/// What a drain has left.
public struct DrainResult: Sendable, Equatable {
  /// Inputs that still wait or have come meanwhile, and those whose records could not be committed, which the next
  /// start takes up.
  public var left: Int
  public var progress: Progress
}

extension Engine {
  public struct Parts: Sendable {
    public var spool: Spool
    public var settings: SettingsSource
    public var clock: any Clock
    public var log: Log
    /// Gives numbers from 0 to 1.
    public var random: @Sendable () -> Double
    /// Called when something has changed, on the engine's thread.
    public var onProgress: (@Sendable (Progress) -> Void)?
    /// Called when an engine that stands has nothing more to do for now, on its thread.
    public var onRest: (@Sendable () -> Void)?
    /// The program that answers for `claude` where there is no key.
    public var command: String?
    /// Proof that the engine's thread lives, for whoever watches over the process; without it an idle engine sleeps.
    public var heartbeat: Heartbeat?

    public init(
      spool: Spool, settings: SettingsSource, clock: any Clock = SystemClock(), log: Log,
      random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) },
      onProgress: (@Sendable (Progress) -> Void)? = nil, onRest: (@Sendable () -> Void)? = nil,
      command: String? = nil, heartbeat: Heartbeat? = nil
    ) {
      self.spool = spool
      self.settings = settings
      self.clock = clock
      self.log = log
      self.random = random
      self.onProgress = onProgress
      self.onRest = onRest
      self.command = command
      self.heartbeat = heartbeat
    }
  }

  /// Something to do at least so often, on the engine's thread.
  public struct Heartbeat: Sendable {
    let seconds: Double
    let beat: @Sendable () -> Void

    public init(every seconds: Double, _ beat: @escaping @Sendable () -> Void) {
      self.seconds = seconds
      self.beat = beat
    }
  }
}
