package io.selkie.client;

import static io.selkie.client.SelkieClientTest.random;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.fake.FakeFile;
import io.selkie.client.fake.FakeServer;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: the server hears at the close, at the latest, of what RDMA FLUSH made durable without a
 * word to it, and sets the file's times.
 *
 * <p>Method: what is on the wire, as the fake server decodes it. The provider has a FLUSH that is a
 * read of nothing.
 */
@Timeout(120)
class TimesAfterFlushTest {

  private static final String TOUCH = "SETATTR of the time of the last change";

  private final Arena arena = Arena.ofShared();
  private final IwarpProvider iwarp = new IwarpProvider(IwarpConfig.DEFAULTS);
  private FakeServer server;
  private SelkieClient client;
  private FakeFile stored;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
    server.state().offerFlush();
    stored = server.state().addFile("a", new byte[65_536]);
    client =
        SelkieClient.connect(
            "127.0.0.1", server.port(), ClientOptions.defaults().withProvider(withFlush()));
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
    iwarp.close();
    arena.close();
  }

  private interface Answer {
    Object to(Method method, Object[] arguments) throws ReflectiveOperationException;
  }

  private static <T> T answering(Class<T> type, Answer answer) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (_, method, arguments) -> {
              try {
                return answer.to(method, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  private RdmaProvider withFlush() {
    return answering(
        RdmaProvider.class,
        (method, arguments) -> {
          Object answer = method.invoke(iwarp, arguments);
          return answer instanceof QueuePair pair ? withFlush(pair) : answer;
        });
  }

  private QueuePair withFlush(QueuePair pair) {
    MemorySegment nothing = arena.allocate(1);
    MemoryRegion region;
    try {
      region = pair.domain().register(nothing, Set.of());
    } catch (RdmaException e) {
      throw new IllegalStateException(e);
    }
    return answering(
        QueuePair.class,
        (method, arguments) ->
            switch (method.getName()) {
              case "canFlush" -> true;
              case "postFlush" ->
                  pair.postRead(
                      region,
                      nothing.asSlice(0, 0),
                      (int) arguments[0],
                      (long) arguments[1],
                      (long) arguments[4]);
              default -> method.invoke(pair, arguments);
            });
  }

  private DirectFile written() throws Exception {
    DirectFile file = client.open("/a", DirectMode.REQUIRE, StandardOpenOption.WRITE);
    file.write(MemorySegment.ofArray(random(4096, 1)), 8192);
    file.sync();
    assertThat(client.counters().get(Counter.FLUSHED_SYNCS)).isEqualTo(1);
    assertThat(server.log()).noneMatch(entry -> entry.startsWith("LAYOUTCOMMIT"));
    return file;
  }

  @Test
  void theCloseCommitsTheTimesByTheLayoutWhenThereIsOne() throws Exception {
    written().close();
    assertThat(server.log())
        .containsSubsequence("LAYOUTCOMMIT 8192+4096", "CLOSE")
        .doesNotContain(TOUCH);
  }

  @Test
  void theCloseSetsTheTimesItselfWhenTheLayoutWasTakenAway() throws Exception {
    DirectFile file = written();
    server.state().fence(stored);
    file.close();
    assertThat(server.log()).containsSubsequence(TOUCH, "CLOSE").containsOnlyOnce(TOUCH);
  }

  @Test
  void theCloseSetsTheTimesItselfAfterARestartOfTheServer() throws Exception {
    DirectFile file = written();
    server.state().restart();
    server.dropConnections();
    // So the client knows of it before the close.
    assertThat(client.list("/")).hasSize(1);
    assertThat(client.counters().get(Counter.STATE_LOSSES)).isEqualTo(1);
    file.close();
    assertThat(server.log()).containsSubsequence(TOUCH, "CLOSE").containsOnlyOnce(TOUCH);
  }

  /** Written, with the layout gone and the commit before that refused. */
  private DirectFile owed() throws Exception {
    DirectFile file = written();
    server.script(operation ->
        operation.equals("LAYOUTCOMMIT") ? NfsStat4.NFS4ERR_BADLAYOUT : FakeServer.PROCEED);
    assertThat(FakeServer.await(server.recall(stored, 0, -1))).isEqualTo(NfsStat4.NFS4_OK);
    server.awaitLog("LAYOUTRETURN");
    assertThat(server.log()).doesNotContain(TOUCH);
    return file;
  }

  @Test
  void theCloseSetsTheTimesItselfWhenTheCommitBeforeAReturnWasRefused() throws Exception {
    owed().close();
    assertThat(server.log()).containsSubsequence(TOUCH, "CLOSE").containsOnlyOnce(TOUCH);
  }

  @Test
  void theCloseIsNoFailureWhenTheTimesCannotBeSet() throws Exception {
    DirectFile file = owed();
    server.script(FakeServer.times(1, "PUTFH", NfsStat4.NFS4ERR_STALE));
    file.close();
    assertThat(server.log()).contains("CLOSE").doesNotContain(TOUCH);
  }

  @Test
  void aFileThatIsNotWrittenHasNoTimesSet() throws Exception {
    client.open("/a", DirectMode.REQUIRE, StandardOpenOption.WRITE).close();
    assertThat(server.log()).contains("CLOSE").noneMatch(entry -> entry.startsWith("SETATTR"));
  }
}
