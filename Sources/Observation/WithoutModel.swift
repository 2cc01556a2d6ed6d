// What a tool use says about itself: the answer of the provider that asks no model.
import JSONText

public enum WithoutModel {
  /// The answer to a turn of these events, in the form that a model is taught.
  public static func answer(to events: [Event]) -> String { "" }
}
