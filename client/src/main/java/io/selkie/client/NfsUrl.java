package io.selkie.client;

import io.selkie.protocol.nfs4.Nfs4Const;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code nfs://HOST[:PORT]/EXPORT/PATH}, RFC 2224's form: a host name, an IPv4 address or an IPv6
 * address in brackets; a path whose bytes may be percent-encoded.
 *
 * @param host without brackets
 * @param port 1 to 65535
 * @param components decoded, none of them empty, "." or ".."
 * @param hasTrailingSlash whether it ended in a slash, which says that a directory is meant
 */
public record NfsUrl(String host, int port, List<String> components, boolean hasTrailingSlash) {
  private static final String SCHEME = "nfs://";
  private static final int LENGTH_MAX = 65_536;

  /** Copies the list. */
  public NfsUrl {
    components = List.copyOf(components);
  }

  /** Whether an argument is meant as a URL of this kind. */
  public static boolean isUrl(String text) {
    return text.regionMatches(true, 0, SCHEME, 0, SCHEME.length());
  }

  /**
   * Parses a URL.
   *
   * @throws IllegalArgumentException with one line that says what is wrong with it
   */
  public static NfsUrl parse(String text) {
    if (!isUrl(text)) {
      throw bad(text, "must start with " + SCHEME);
    }
    if (text.length() > LENGTH_MAX) {
      throw new IllegalArgumentException("URL of " + text.length() + " characters");
    }
    String rest = text.substring(SCHEME.length());
    int slash = rest.indexOf('/');
    String authority = slash < 0 ? rest : rest.substring(0, slash);
    String path = slash < 0 ? "" : rest.substring(slash);
    if (path.indexOf('?') >= 0 || path.indexOf('#') >= 0) {
      throw bad(text, "has no query or fragment; write ? as %3F and # as %23");
    }
    if (authority.indexOf('@') >= 0) {
      throw bad(text, "has no user part");
    }
    return new NfsUrl(
        host(authority, text),
        port(authority, text),
        components(path, text),
        path.length() > 1 && path.endsWith("/"));
  }

  private static String host(String authority, String text) {
    String host;
    if (authority.startsWith("[")) {
      int end = authority.indexOf(']');
      if (end < 0) {
        throw bad(text, "IPv6 address without closing bracket");
      }
      host = authority.substring(1, end);
      if (host.indexOf(':') < 0) {
        throw bad(text, "only IPv6 addresses stand in brackets");
      }
    } else {
      int colon = authority.indexOf(':');
      if (colon >= 0 && authority.indexOf(':', colon + 1) >= 0) {
        throw bad(text, "IPv6 addresses stand in brackets");
      }
      host = decode(colon < 0 ? authority : authority.substring(0, colon), text);
    }
    if (host.isEmpty()) {
      throw bad(text, "names no host");
    }
    return host;
  }

  private static int port(String authority, String text) {
    int from = authority.startsWith("[") ? authority.indexOf(']') + 1 : authority.indexOf(':');
    String port = from < 0 ? "" : authority.substring(from);
    if (port.isEmpty() || port.equals(":")) {
      return Nfs4Const.NFS_PORT;
    }
    if (port.charAt(0) != ':' || !port.substring(1).chars().allMatch(c -> c >= '0' && c <= '9')) {
      throw bad(text, "port is no number");
    }
    if (port.length() > 6) {
      throw bad(text, "port must be 1 to 65535");
    }
    int number = Integer.parseInt(port.substring(1));
    if (number < 1 || number > 65_535) {
      throw bad(text, "port must be 1 to 65535");
    }
    return number;
  }

  private static List<String> components(String path, String text) {
    List<String> components = new ArrayList<>();
    for (String raw : path.split("/", -1)) {
      String component = decode(raw, text);
      if (component.equals("..")) {
        throw bad(text, "'..' is not followed");
      }
      if (component.indexOf('/') >= 0 || component.indexOf('\0') >= 0) {
        throw bad(text, "a name contains an encoded '/' or NUL");
      }
      if (!component.isEmpty() && !component.equals(".")) {
        components.add(component);
      }
    }
    return components;
  }

  private static String decode(String raw, String text) {
    if (raw.indexOf('%') < 0) {
      return raw;
    }
    byte[] in = raw.getBytes(StandardCharsets.UTF_8);
    ByteBuffer out = ByteBuffer.allocate(in.length);
    for (int i = 0; i < in.length; i++) {
      if (in[i] != '%') {
        out.put(in[i]);
        continue;
      }
      int high = i + 2 <= in.length - 1 ? Character.digit(in[i + 1], 16) : -1;
      int low = i + 2 <= in.length - 1 ? Character.digit(in[i + 2], 16) : -1;
      if (high < 0 || low < 0) {
        throw bad(text, "'%' must be followed by two hexadecimal digits");
      }
      out.put((byte) (high << 4 | low));
      i += 2;
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .decode(out.flip())
          .toString();
    } catch (CharacterCodingException _) {
      throw bad(text, "percent-encoded bytes are not UTF-8");
    }
  }

  private static IllegalArgumentException bad(String text, String what) {
    String shown = text.length() > 200 ? text.substring(0, 200) + "..." : text;
    return new IllegalArgumentException("'" + shown + "': " + what);
  }

  /** The path as the library takes it: decoded, starting with a slash. */
  public String path() {
    return "/" + String.join("/", components);
  }

  /** The last component, or empty for the root. */
  public String fileName() {
    return components.isEmpty() ? "" : components.getLast();
  }

  /** This URL with one more component. */
  public NfsUrl resolve(String component) {
    List<String> longer = new ArrayList<>(components);
    longer.add(component);
    return new NfsUrl(host, port, longer, false);
  }

  /** Host and port for messages and for telling servers apart. */
  public String server() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }

  /** For people: decoded again, so not always a URL to paste. */
  @Override
  public String toString() {
    return SCHEME + server() + path();
  }
}
