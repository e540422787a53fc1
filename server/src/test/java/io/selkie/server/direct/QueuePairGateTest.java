package io.selkie.server.direct;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.protocol.layout.rdma.BindingData;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.ConnectionAcceptor.Accept;
import io.selkie.rdma.ConnectionAcceptor.Decision;
import io.selkie.rdma.ConnectionAcceptor.Refuse;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RemoteAccess;
import io.selkie.server.metrics.ServerMetrics;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class QueuePairGateTest {

  private static final SessionId4 SESSION = new SessionId4(1, 2);
  private static final SessionId4 SECOND_SESSION = new SessionId4(1, 3);

  private final Map<SessionId4, Long> sessions = new HashMap<>(Map.of(SESSION, 7L));
  private final List<String> aborted = new ArrayList<>();
  private final List<ProtectionDomain> closedDomains = new ArrayList<>();
  private final RdmaDomains domains = new RdmaDomains(provider());
  private final QueuePairGate gate =
      new QueuePairGate(
          id -> sessions.containsKey(id) ? OptionalLong.of(sessions.get(id)) : OptionalLong.empty(),
          domains,
          new QueuePairGate.Limits(3, 2),
          true,
          new ServerMetrics());

  @Test
  void queuePairOfAKnownSessionEntersItsClientsDomain() {
    Accept first = (Accept) gate.onRequest(request(SESSION));
    sessions.put(SECOND_SESSION, 7L);
    Accept second = (Accept) gate.onRequest(request(SECOND_SESSION));
    assertThat(first.domain()).isSameAs(second.domain());
    assertThat(first.privateData().getInt()).isEqualTo(BindingData.MAGIC);
    assertThat(first.privateData().getInt(4)).isEqualTo(BindingData.FLAG_FLUSH);
    sessions.put(SECOND_SESSION, 8L);
    Accept other = (Accept) gate.onRequest(request(SECOND_SESSION));
    assertThat(other.domain()).isNotSameAs(first.domain());
  }

  @Test
  void unknownSessionsAndNonsenseAreRefusedWithAReason() {
    assertRefused(gate.onRequest(request(new SessionId4(9, 9))), 2);
    assertRefused(gate.onRequest(request(ByteBuffer.allocate(0))), 1);
    assertRefused(gate.onRequest(request(ByteBuffer.allocate(24))), 1);
    ByteBuffer cut = ByteBuffer.allocate(23).putInt(BindingData.MAGIC).rewind();
    assertRefused(gate.onRequest(request(cut)), 1);
    gate.stop();
    assertRefused(gate.onRequest(request(SESSION)), 4);
  }

  @Test
  void limitsHoldForTheClientAndForAll() {
    establish(SESSION);
    Accept pending = (Accept) gate.onRequest(request(SESSION));
    Accept raced = (Accept) gate.onRequest(request(SESSION));
    pending.listener().onEstablished(queuePair("second"));
    assertRefused(gate.onRequest(request(SESSION)), 3);
    raced.listener().onEstablished(queuePair("third"));
    assertThat(aborted).containsExactly("third");
    pending.listener().onClosed(new DisconnectCause(DisconnectCause.Kind.REMOTE_CLOSE, ""));
    raced.listener().onClosed(new DisconnectCause(DisconnectCause.Kind.LOCAL_ABORT, ""));
    assertThat(gate.count()).isEqualTo(1);
    assertThat(gate.onRequest(request(SESSION))).isInstanceOf(Accept.class);
  }

  @Test
  void queuePairsGoWithTheirSession() {
    sessions.put(SECOND_SESSION, 7L);
    establish(SESSION);
    establish(SECOND_SESSION);
    sessions.remove(SESSION);
    gate.sessionGone(SESSION);
    assertThat(aborted).containsExactly(SESSION.toString());
    assertThat(closedDomains).isEmpty();
  }

  @Test
  void queuePairsAndDomainGoWithTheClient() {
    Accept accepted = establish(SESSION);
    sessions.clear();
    gate.clientGone(7);
    assertThat(aborted).containsExactly(SESSION.toString());
    assertThat(closedDomains).containsExactly(accepted.domain());
  }

  @Test
  void sessionThatWentDuringTheSetUpTakesTheQueuePairAlong() {
    Accept accepted = (Accept) gate.onRequest(request(SESSION));
    sessions.clear();
    gate.sessionGone(SESSION);
    accepted.listener().onEstablished(queuePair("late"));
    assertThat(aborted).containsExactly("late");
  }

  private Accept establish(SessionId4 session) {
    Accept accepted = (Accept) gate.onRequest(request(session));
    accepted.listener().onEstablished(queuePair(session.toString()));
    return accepted;
  }

  private static void assertRefused(Decision decision, int reason) {
    assertThat(decision).isInstanceOf(Refuse.class);
    ByteBuffer data = ((Refuse) decision).privateData();
    assertThat(data.getInt(0)).isEqualTo(BindingData.MAGIC);
    assertThat(data.getInt(4)).isEqualTo(reason);
    assertThat(data.remaining()).isGreaterThan(8);
  }

  private static ConnectionAcceptor.ConnectionRequest request(SessionId4 session) {
    return request(
        ByteBuffer.allocate(24)
            .putInt(BindingData.MAGIC)
            .putInt(0)
            .putLong(session.high())
            .putLong(session.low())
            .flip());
  }

  private static ConnectionAcceptor.ConnectionRequest request(ByteBuffer data) {
    return new ConnectionAcceptor.ConnectionRequest() {
      @Override
      public ByteBuffer privateData() {
        return data.asReadOnlyBuffer();
      }

      @Override
      public String remoteAddress() {
        return "peer";
      }
    };
  }

  /** Only abort matters here. */
  private QueuePair queuePair(String name) {
    return (QueuePair)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {QueuePair.class},
            (proxy, method, args) -> {
              assertThat(method.getName()).isEqualTo("abort");
              aborted.add(name);
              return null;
            });
  }

  private RdmaProvider provider() {
    return (RdmaProvider)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {RdmaProvider.class},
            (proxy, method, args) -> {
              assertThat(method.getName()).isEqualTo("allocateProtectionDomain");
              return domain();
            });
  }

  private ProtectionDomain domain() {
    return new ProtectionDomain() {
      @Override
      public MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access) {
        throw new UnsupportedOperationException();
      }

      @Override
      public int liveRegions() {
        return 0;
      }

      @Override
      public void close() {
        closedDomains.add(this);
      }
    };
  }
}
