package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaException.Reason;
import java.io.EOFException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: the MPA set-up of RFC 5044 section 7.1 and RFC 6581, good and bad, from both sides.
 *
 * <p>Method: the other side is a peer that speaks octet by octet over a real socket.
 */
@Timeout(300)
class HandshakeTest {

  private static final int A = 0x8000_0000;
  private static final int B = 0x4000_0000;
  private static final int C = 0x8000;
  private static final int D = 0x4000;

  /** Where an answer comes; it is not what is tested how long that takes. */
  private static final int CONNECT_MILLIS = 60_000;

  // ---- we are the responder ----

  @Test
  void plainRequestGetsAPlainReply() throws Exception {
    try (Server server = new Server();
        RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(Frames.mpaRequest(0x40, 1, Frames.bytes("0102")));
      RawPeer.Reply reply = peer.reply();
      assertThat(reply.key()).isEqualTo("MPA ID Rep Frame");
      assertThat(reply.flags()).isEqualTo(0x40);
      assertThat(reply.revision()).isEqualTo(1);
      assertThat(reply.privateData().capacity()).isZero();
      byte[] seen = new byte[2];
      server.awaitEstablished().remotePrivateData().get(seen);
      assertThat(seen).isEqualTo(Frames.bytes("0102"));
    }
  }

  @Test
  void requestOfRevision2WithoutEnhancementGetsAReplyWithout() throws Exception {
    try (Server server = new Server();
        RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(Frames.mpaRequest(0x00, 2, new byte[0]));
      RawPeer.Reply reply = peer.reply();
      assertThat(reply.flags()).as("CRC because we want it").isEqualTo(0x40);
      assertThat(reply.revision()).isEqualTo(2);
    }
  }

  @Test
  void whereNeitherSideWantsCrcsNoneIsLookedAt() throws Exception {
    try (Server server = new Server(IwarpConfig.DEFAULTS.withCrc(false));
        RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(Frames.mpaRequest(0x00, 1, new byte[0]));
      assertThat(peer.reply().flags()).as("no CRC").isZero();
      byte[] written = Frames.bytes("010203");
      byte[] spoiled =
          Frames.fpdu(Frames.tagged(0, true, server.key(), server.base() + 5, written), 1);
      peer.write(spoiled, Frames.fpdu(Frames.send(1, Frames.bytes("77")), 1));
      assertThat(server.messages.poll(60, TimeUnit.SECONDS)).isEqualTo(Frames.bytes("77"));
      assertThat(server.contents(5, 3)).as("what was written before").isEqualTo(written);
      assertThat(server.closed).isEmpty();
    }
  }

  @Test
  void aPeerThatWantsCrcsHasThemLookedAt() throws Exception {
    try (Server server = new Server(IwarpConfig.DEFAULTS.withCrc(false));
        RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(Frames.mpaRequest(0x40, 1, new byte[0]));
      assertThat(peer.reply().flags()).isEqualTo(0x40);
      peer.write(Frames.fpdu(Frames.send(1, Frames.bytes("77")), 1));
      assertThat(server.awaitClosed().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
      assertThat(server.messages).isEmpty();
    }
  }

  @Test
  void readDepthsAreAgreedOn() throws Exception {
    IwarpConfig config = IwarpConfig.DEFAULTS.withLimits(IwarpLimits.DEFAULTS.withPeers(8, 20));
    try (Server server = new Server(config)) {
      assertThat(enhancedReply(server, 5 << 16 | 3)).isEqualTo(3 << 16 | 5);
      assertThat(enhancedReply(server, 100 << 16 | 100)).isEqualTo(20 << 16 | 20);
      assertThat(enhancedReply(server, 0x3FFF << 16 | 0x3FFF)).isEqualTo(0x3FFF << 16 | 0x3FFF);
      assertThat(enhancedReply(server, A | C | 7 << 16)).isEqualTo(A | B | C | D | 1 << 16 | 7);
    }
  }

  private static int enhancedReply(Server server, int request) throws Exception {
    try (RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(Frames.mpaRequest(0x50, 2, ByteBuffer.allocate(4).putInt(request).array()));
      RawPeer.Reply reply = peer.reply();
      assertThat(reply.flags()).isEqualTo(0x50);
      assertThat(reply.revision()).isEqualTo(2);
      return reply.enhanced();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"send", "write", "read"})
  void readyToReceiveIsTakenInEveryForm(String form) throws Exception {
    try (Server server = new Server();
        RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(
          Frames.mpaRequest(
              0x50, 2, ByteBuffer.allocate(4).putInt(A | B | C | D | 4 << 16 | 4).array()));
      peer.reply();
      int next = 1;
      switch (form) {
        case "send" -> peer.ulpdu(Frames.send(next++, new byte[0]));
        case "write" -> peer.ulpdu(Frames.tagged(0, true, 0, 0, new byte[0]));
        default -> {
          peer.ulpdu(Frames.readRequest(1, 0, 0, 0, 0, 0));
          assertThat(peer.readUlpdu().get(1) & 0xFF).as("response").isEqualTo(0x42);
        }
      }
      peer.ulpdu(Frames.send(next, Frames.bytes("77")));
      assertThat(server.messages.take()).isEqualTo(Frames.bytes("77"));
      assertThat(server.messages).as("the empty Send was no message").isEmpty();
    }
  }

  @Test
  void nothingIsSentBeforeTheFirstFpduOfTheInitiator() throws Exception {
    try (Server server = new Server();
        RawPeer peer = RawPeer.established(server.address())) {
      var pair = server.awaitEstablished();
      pair.postSend(server.region, server.memory.asSlice(0, 3), 1);
      assertThat(pair.completions().await((id, status) -> {}, 1, 200_000_000L)).isZero();
      peer.ulpdu(Frames.tagged(0, true, 0, 0, new byte[0]));
      assertThat(peer.readUlpdu().get(1) & 0xFF).as("Send").isEqualTo(0x43);
      assertThat(pair.completions().await((id, status) -> {}, 1, 60_000_000_000L)).isEqualTo(1);
    }
  }

  @Test
  void markersAreSentToAPeerThatWantsThem() throws Exception {
    try (Server server = new Server();
        RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(Frames.mpaRequest(0xC0, 1, new byte[0]));
      assertThat(peer.reply().flags()).as("we want none").isEqualTo(0x40);
      peer.ulpdu(Frames.readRequest(1, 5, 0, 2000, server.key(), server.base()));
      byte[] stream = peer.readBytes(2 + 14 + 2000 + 4 + 4 * 4);
      for (int at = 0; at < stream.length; at += 512) {
        int pointer = ByteBuffer.wrap(stream).getInt(at);
        assertThat(pointer).isEqualTo(at == 0 ? 0 : at - 4);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/1.1\r\n\r\n",
        "MPA ID Rep Frame@\u0001\u0000\u0000",
        "MPA ID Req Frame@\u0000\u0000\u0000",
        "MPA ID Req Frame@\u0003\u0000\u0000",
        "MPA ID Req Frame@\u0001\u0002\u0001",
        "MPA ID Req FrameP\u0002\u0000\u0003abc",
        "MPA ID Req Frame@\u0001\u0000\u0001abc",
        "M Q"
      })
  void badRequestIsClosedWithoutAReply(String request) throws Exception {
    try (Server server = new Server();
        RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(request.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
      assertThat(peer.isEnded()).isTrue();
      assertThat(server.established).isEmpty();
      assertThat(server.provider.statistics().get(IwarpStatistics.Counter.HANDSHAKE_FAILURES))
          .isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "MPA ID Req Fr", "MPA ID Req Frame@\u0001\u0000\u0005abc"})
  void silentPeerIsClosedAfterTheTimeout(String request) throws Exception {
    IwarpConfig config =
        IwarpConfig.DEFAULTS.withLimits(IwarpLimits.DEFAULTS.withTimes(1_000, 100, 0));
    try (Server server = new Server(config);
        RawPeer peer = RawPeer.connect(server.address())) {
      peer.write(request.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
      assertThat(peer.isEnded()).isTrue();
    }
  }

  @Test
  void peerThatNeverSaysReadyIsClosedAfterTheTimeout() throws Exception {
    boolean replied = closesWhoNeverSaysReady(2_000);
    // Who stands still before it has asked gets no reply, and is given more time.
    for (int millis = 8_000; !replied && millis <= 32_000; millis *= 4) {
      replied = closesWhoNeverSaysReady(millis);
    }
    assertThat(replied).isTrue();
  }

  /** Whether the peer was in time to get a reply; then all was as it should be. */
  private static boolean closesWhoNeverSaysReady(int handshakeMillis) throws Exception {
    IwarpConfig config =
        IwarpConfig.DEFAULTS.withLimits(IwarpLimits.DEFAULTS.withTimes(handshakeMillis, 100, 0));
    try (Server server = new Server(config);
        RawPeer peer = RawPeer.connect(server.address())) {
      try {
        peer.write(Frames.mpaRequest(0x50, 2, ByteBuffer.allocate(4).putInt(A | C).array()));
        peer.reply();
      } catch (EOFException | SocketException _) {
        return false;
      }
      assertThat(peer.isEnded()).isTrue();
      assertThat(server.awaitClosed().detail()).contains("MPA set-up");
      return true;
    }
  }

  @Test
  void connectionsBeyondTheBoundAreClosed() throws Exception {
    IwarpConfig config = IwarpConfig.DEFAULTS.withLimits(IwarpLimits.DEFAULTS.withPeers(2, 4));
    try (Server server = new Server(config);
        RawPeer one = RawPeer.established(server.address());
        RawPeer two = RawPeer.established(server.address());
        RawPeer three = RawPeer.connect(server.address())) {
      assertThat(three.isEnded()).isTrue();
      one.close();
      server.awaitClosed();
      try (RawPeer four = RawPeer.established(server.address())) {
        four.ulpdu(Frames.send(1, Frames.bytes("04")));
        assertThat(server.messages.take()).isEqualTo(Frames.bytes("04"));
      }
      two.ulpdu(Frames.send(1, Frames.bytes("02")));
      assertThat(server.messages.take()).isEqualTo(Frames.bytes("02"));
    }
  }

  // ---- we are the initiator ----

  private interface Responder {
    void answer(RawPeer peer) throws Exception;
  }

  private static void connectTo(IwarpConfig config, Responder responder, Responder checked)
      throws Exception {
    connectTo(config, CONNECT_MILLIS, responder, checked);
  }

  private static void connectTo(
      IwarpConfig config, int timeoutMillis, Responder responder, Responder checked)
      throws Exception {
    try (ServerSocket listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        var threads = Executors.newVirtualThreadPerTaskExecutor();
        IwarpProvider provider = new IwarpProvider(config)) {
      Future<RawPeer> answered =
          threads.submit(() -> {
            Socket socket = listening.accept();
            RawPeer peer = new RawPeer(socket);
            responder.answer(peer);
            return peer;
          });
      var domain = provider.allocateProtectionDomain("initiator");
      try {
        var address =
            new InetSocketAddress(InetAddress.getLoopbackAddress(), listening.getLocalPort());
        try (var pair = provider.connect(address, domain, options(timeoutMillis))) {
          assertThat(pair.isUp()).isTrue();
          checked.answer(answered.get());
        }
      } finally {
        answered.get().close();
      }
    }
  }

  private static ConnectOptions options(int timeoutMillis) {
    return new ConnectOptions(ByteBuffer.allocate(0), 16, 8, 0, timeoutMillis);
  }

  private static byte[] reply(int flags, int revision, int... enhanced) {
    ByteBuffer data = ByteBuffer.allocate(4 * enhanced.length);
    for (int word : enhanced) {
      data.putInt(word);
    }
    return Frames.mpa("MPA ID Rep Frame", flags, revision, data.array());
  }

  @Test
  void readyToReceiveIsAnEmptyWriteWhereThePeerTakesOne() throws Exception {
    connectTo(
        IwarpConfig.DEFAULTS,
        peer -> {
          RawPeer.Reply request = peer.reply();
          assertThat(request.enhanced()).isEqualTo(A | B | C | D | 256 << 16 | 8);
          peer.write(reply(0x50, 2, A | B | C | D | 8 << 16 | 4));
        },
        peer ->
            assertThat(peer.readUlpdu())
                .isEqualTo(ByteBuffer.wrap(Frames.tagged(0, true, 0, 0, new byte[0]))));
  }

  @Test
  void readyToReceiveIsAnEmptyReadWhereThePeerTakesOnlyThat() throws Exception {
    connectTo(
        IwarpConfig.DEFAULTS,
        peer -> {
          peer.reply();
          peer.write(reply(0x50, 2, A | D | 8 << 16 | 4));
        },
        peer -> {
          ByteBuffer read = peer.readUlpdu();
          assertThat(read).isEqualTo(ByteBuffer.wrap(Frames.readRequest(1, 0, 0, 0, 0, 0)));
        });
  }

  @Test
  void peerThatTakesNoReadyToReceiveWeCanSendIsTold() throws Exception {
    assertThatThrownBy(() ->
            connectTo(
                IwarpConfig.DEFAULTS,
                peer -> {
                  peer.reply();
                  peer.write(reply(0x50, 2, A | 8 << 16 | 4));
                  assertThat(peer.readTerminate().code()).isEqualTo("2/0/07");
                },
                peer -> {}))
        .isInstanceOfSatisfying(
            RdmaException.class, e -> assertThat(e.reason()).isEqualTo(Reason.PROTOCOL));
  }

  @Test
  void peerThatWantsMoreReadsThanWeOfferedIsTold() throws Exception {
    assertThatThrownBy(() ->
            connectTo(
                IwarpConfig.DEFAULTS,
                peer -> {
                  peer.reply();
                  peer.write(reply(0x50, 2, A | C | 8 << 16 | 257));
                  assertThat(peer.readTerminate().code()).isEqualTo("2/0/06");
                },
                peer -> {}))
        .isInstanceOfSatisfying(
            RdmaException.class, e -> assertThat(e.reason()).isEqualTo(Reason.PROTOCOL));
  }

  @Test
  void peerWithoutReadsIsRefused() throws Exception {
    assertReason(Reason.LIMIT, IwarpConfig.DEFAULTS, reply(0x50, 2, A | C | 0 << 16 | 4));
  }

  @Test
  void plainReplyToAnEnhancedRequestIsAnError() throws Exception {
    assertReason(Reason.PROTOCOL, IwarpConfig.DEFAULTS, reply(0x40, 2));
    assertReason(Reason.PROTOCOL, IwarpConfig.DEFAULTS, reply(0x40, 1));
  }

  @Test
  void requestInAnswerToOursIsAnError() throws Exception {
    assertReason(Reason.PROTOCOL, IwarpConfig.DEFAULTS, Frames.mpaRequest(0x40, 1, new byte[0]));
  }

  @Test
  void crcsThatNobodyWantsAreNotAskedFor() throws Exception {
    connectTo(
        IwarpConfig.DEFAULTS.withMpaRevision(1).withCrc(false),
        peer -> {
          assertThat(peer.reply().flags()).as("no CRC").isZero();
          peer.write(reply(0x00, 1));
        },
        peer -> {});
  }

  @Test
  void revision1WorksWhereItIsConfigured() throws Exception {
    connectTo(
        IwarpConfig.DEFAULTS.withMpaRevision(1),
        peer -> {
          RawPeer.Reply request = peer.reply();
          assertThat(request.revision()).isEqualTo(1);
          assertThat(request.flags()).isEqualTo(0x40);
          peer.write(reply(0x40, 1));
        },
        peer -> {});
  }

  @Test
  void refusalCarriesThePeersPrivateData() {
    assertThatThrownBy(() ->
            connectTo(
                IwarpConfig.DEFAULTS,
                peer -> {
                  peer.reply();
                  peer.write(reply(0x70, 2, 0, 0x01020304));
                },
                peer -> {}))
        .isInstanceOfSatisfying(
            RdmaException.class,
            e -> {
              assertThat(e.reason()).isEqualTo(Reason.REFUSED);
              assertThat(e.peerPrivateData().getInt()).isEqualTo(0x01020304);
            });
  }

  @Test
  void silentResponderIsGivenUp() throws Exception {
    assertReason(Reason.UNREACHABLE, IwarpConfig.DEFAULTS, 2000, new byte[0]);
  }

  private static void assertReason(Reason reason, IwarpConfig config, byte[] reply) {
    assertReason(reason, config, CONNECT_MILLIS, reply);
  }

  private static void assertReason(
      Reason reason, IwarpConfig config, int timeoutMillis, byte[] reply) {
    assertThatThrownBy(() ->
            connectTo(
                config,
                timeoutMillis,
                peer -> {
                  peer.reply();
                  peer.write(reply);
                },
                peer -> {}))
        .isInstanceOfSatisfying(RdmaException.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }
}
