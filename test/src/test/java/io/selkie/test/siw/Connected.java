package io.selkie.test.siw;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.QueuePair;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.iwarp.IwarpConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A connection between the two, both ends of it in hand. */
final class Connected implements AutoCloseable {

  /** Octets of each region for data. */
  static final int BYTES = 512 << 10;

  private static final byte[] NOTHING = {};

  /**
   * How a connection is set up.
   *
   * @param javaOpens who is the initiator
   * @param revision of MPA that the initiator asks for
   * @param readyFirst whether the kernel, as the initiator, says that it is ready: RFC 6581
   * @param javaCrc whether we ask for CRCs
   * @param kernelCrc whether the kernel asks for CRCs as the initiator
   */
  record SetUp(
      boolean javaOpens, int revision, boolean readyFirst, boolean javaCrc, boolean kernelCrc) {

    /** The initiator is ours, all else as usual. */
    static final SetUp JAVA_OPENS = new SetUp(true, 2, false, true, false);

    /** The initiator is the kernel, all else as usual. */
    static final SetUp KERNEL_OPENS = new SetUp(false, 2, false, true, false);

    IwarpConfig config() {
      return IwarpConfig.DEFAULTS.withMpaRevision(javaOpens ? revision : 2).withCrc(javaCrc);
    }

    @Override
    public String toString() {
      return "%s opens, MPA %d%s, CRC %s"
          .formatted(
              javaOpens ? "Java" : "the kernel",
              revision,
              readyFirst ? ", ready first" : "",
              javaCrc ? kernelCrc ? "of both" : "of Java" : kernelCrc ? "of the kernel" : "off");
    }
  }

  final KernelPeer kernel;
  final JavaPeer java;
  final int kernelDomain;
  final int endpoint;
  final QueuePair pair;

  /** Where the kernel connected to; ours is all there is at that port. */
  final int port;

  final ByteBuffer javaSaid;
  final ByteBuffer kernelSaid;
  private boolean kernelsClosed;

  private Connected(
      KernelPeer kernel,
      JavaPeer java,
      int kernelDomain,
      int endpoint,
      QueuePair pair,
      int port,
      ByteBuffer javaSaid,
      ByteBuffer kernelSaid) {
    this.kernel = kernel;
    this.java = java;
    this.kernelDomain = kernelDomain;
    this.endpoint = endpoint;
    this.pair = pair;
    this.port = port;
    this.javaSaid = javaSaid;
    this.kernelSaid = kernelSaid;
  }

  /** Sets one up without private data. */
  static Connected of(SetUp how, KernelPeer kernel) throws Exception {
    return of(how, kernel, NOTHING, NOTHING);
  }

  /** Sets one up whose octets go through a relay. */
  static Connected through(Relay relay, SetUp how, KernelPeer kernel) throws Exception {
    return of(how, kernel, relay, NOTHING, NOTHING);
  }

  /**
   * Sets one up.
   *
   * @param javaSays private data of our side
   * @param kernelSays private data of the kernel's
   */
  static Connected of(SetUp how, KernelPeer kernel, byte[] javaSays, byte[] kernelSays)
      throws Exception {
    return of(how, kernel, null, javaSays, kernelSays);
  }

  private static Connected of(
      SetUp how, KernelPeer kernel, Relay relay, byte[] javaSays, byte[] kernelSays)
      throws Exception {
    kernel.set("mpa_version", how.javaOpens ? 2 : how.revision);
    kernel.set("peer_to_peer", how.readyFirst ? 1 : 0);
    kernel.set("mpa_crc_required", how.kernelCrc ? 1 : 0);
    JavaPeer java = new JavaPeer(how.config());
    boolean up = false;
    try {
      int domain = kernel.domain();
      Connected connected =
          how.javaOpens
              ? javaOpens(kernel, java, relay, domain, javaSays, kernelSays)
              : kernelOpens(kernel, java, relay, domain, javaSays, kernelSays);
      up = true;
      return connected;
    } finally {
      if (!up) {
        java.close();
      }
    }
  }

  private static Connected javaOpens(
      KernelPeer kernel, JavaPeer java, Relay relay, int domain, byte[] javaSays, byte[] kernelSays)
      throws IOException, InterruptedException, ExecutionException, TimeoutException {
    InetSocketAddress there = new InetSocketAddress(kernel.address(), SiwGuest.PORT);
    if (relay != null) {
      relay.to(there);
    }
    InetSocketAddress target =
        relay == null
            ? there
            : new InetSocketAddress(InetAddress.getLoopbackAddress(), relay.port());
    CompletableFuture<QueuePair> connecting = new CompletableFuture<>();
    Thread.ofPlatform()
        .name("connects")
        .start(() -> {
          try {
            connecting.complete(java.connect(target.getHostString(), target.getPort(), javaSays));
          } catch (IOException | InterruptedException | RuntimeException e) {
            connecting.completeExceptionally(e);
          }
        });
    KernelPeer.Request request = kernel.request();
    kernel.queuePair(request.endpoint(), domain);
    kernel.accept(request.endpoint(), kernelSays);
    QueuePair pair = connecting.get(KernelPeer.MILLIS, TimeUnit.MILLISECONDS);
    java.knock(pair);
    kernel.awaitEstablished(request.endpoint());
    return new Connected(
        kernel,
        java,
        domain,
        request.endpoint(),
        pair,
        SiwGuest.PORT,
        request.privateData(),
        pair.remotePrivateData());
  }

  private static Connected kernelOpens(
      KernelPeer kernel, JavaPeer java, Relay relay, int domain, byte[] javaSays, byte[] kernelSays)
      throws IOException, InterruptedException {
    int port = java.listen(javaSays, false);
    if (relay != null) {
      relay.to(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      port = relay.port();
    }
    int endpoint = kernel.resolve(port);
    kernel.queuePair(endpoint, domain);
    KernelPeer.Answer answer = kernel.connect(endpoint, kernelSays);
    assertThat(answer.accepted()).isTrue();
    // Unless it was agreed that the initiator says so, the responder is up with the first message.
    KernelPeer.Region nothing = kernel.register(domain, 4096, "-");
    JavaPeer.Region target = java.register(4096, RemoteAccess.WRITE);
    kernel.write(endpoint, 0, nothing, 0, 1, target.key(), target.address());
    kernel.succeeded(endpoint, 0);
    QueuePair pair = java.awaitEstablished();
    return new Connected(
        kernel, java, domain, endpoint, pair, port, answer.privateData(), java.awaitRequest());
  }

  /** A text as private data. */
  static byte[] text(String text) {
    return text.getBytes(US_ASCII);
  }

  /** Takes the kernel's side away. */
  void closeTheKernels() throws IOException {
    if (!kernelsClosed) {
      kernelsClosed = true;
      kernel.close(endpoint);
    }
  }

  @Override
  public void close() throws IOException {
    java.close();
    closeTheKernels();
  }
}
