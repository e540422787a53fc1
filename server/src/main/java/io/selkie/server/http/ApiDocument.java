package io.selkie.server.http;

/**
 * The interface's description as JSON: made when it is asked for first, and the same from then on.
 * Safe for use by several threads.
 */
final class ApiDocument {

  private final String version;

  /** Guarded by this. */
  private byte[] json;

  /** Of a server of this version. */
  ApiDocument(String version) {
    this.version = version;
  }

  /** The document, UTF-8; not to be changed. Takes some milliseconds the first time. */
  synchronized byte[] get() {
    if (json == null) {
      json = new OpenApi(ApiRoutes.ALL, version).json();
    }
    return json;
  }
}
