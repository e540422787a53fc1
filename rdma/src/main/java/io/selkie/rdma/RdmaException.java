package io.selkie.rdma;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A set-up step of RDMA failed: what was tried, on what, and what to do is in the message. */
public final class RdmaException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Why, for programs. */
  public enum Reason {
    /** The peer refused the connection; its private data is kept. */
    REFUSED,
    /** The peer could not be reached or did not answer in time. */
    UNREACHABLE,
    /** The peer does not speak the protocol, or a version we do not. */
    PROTOCOL,
    /** The device or provider cannot register this memory. */
    REGISTRATION,
    /** A limit of the provider was met. */
    LIMIT,
    /** The provider is closed. */
    CLOSED,
    /** The local system refused (address in use, permission). */
    SYSTEM
  }

  private final Reason reason;
  private final transient ByteBuffer peerPrivateData;

  /** Without private data. */
  public RdmaException(Reason reason, String message, Throwable cause) {
    this(reason, message, cause, ByteBuffer.allocate(0));
  }

  /** With the peer's private data from its refusal. */
  public RdmaException(Reason reason, String message, Throwable cause, ByteBuffer peerPrivateData) {
    super(message, cause);
    this.reason = reason;
    this.peerPrivateData = peerPrivateData.asReadOnlyBuffer();
  }

  /** Why. */
  public Reason reason() {
    return reason;
  }

  /** What the peer said when it refused; empty otherwise. */
  public ByteBuffer peerPrivateData() {
    return peerPrivateData == null ? ByteBuffer.allocate(0) : peerPrivateData.duplicate();
  }
}
