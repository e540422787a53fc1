package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.CallbackInbox.LayoutRecalled;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: of a file that is in two exports each holder of a layout is asked to give it back by the
 * handle that it knows the file by, whoever opened it first. Method: a file with a name in both,
 * and a local process that wants it.
 */
@Timeout(120)
class RecallNamesTest {

  private TwoExports server;
  private Path path;

  @BeforeEach
  void start() throws IOException {
    server = new TwoExports(new LinuxKernel(), ServerFixture.longRecallMillis(), "pool", "scratch");
    path = Files.write(server.of("pool").resolve("f"), new byte[8192]);
    Files.createLink(server.of("scratch").resolve("g"), path);
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private static Opened open(FileCalls client, String export, String name) {
    Opened opened = client.open(client.handleOf(export), name, BOTH, DENY_NONE);
    assertThat(opened.status()).isEqualTo("NFS4_OK");
    return opened;
  }

  private static Stateid4 layout(FileCalls client, Opened opened) {
    Answer answer =
        client.layoutGet(opened.handle(), opened.stateid(), LayoutConst4.LAYOUTIOMODE4_READ);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    XdrReader in = answer.in();
    in.bool();
    return Stateids.decode(in);
  }

  /** The same layout, be its seqid a later one. */
  private static void assertNames(LayoutRecalled recalled, Opened opened, Stateid4 layout) {
    assertThat(recalled.handle()).isEqualTo(opened.handle());
    assertThat(recalled.stateid().withSeqid(0)).isEqualTo(layout.withSeqid(0));
  }

  private static void assertReturned(FileCalls client, LayoutRecalled recalled) {
    assertThat(client.layoutReturn(recalled.handle(), recalled.stateid()).status())
        .isEqualTo("NFS4_OK");
  }

  private void assertEnds(Process process) throws InterruptedException {
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("the local process goes on").isTrue();
    assertThat(path).isEmptyFile();
  }

  @Test
  void eachClientHearsTheHandleItKnows() throws Exception {
    FileCalls alice = server.client("alice");
    FileCalls bob = server.client("bob");
    CallbackInbox toAlice = CallbackInbox.of(alice);
    CallbackInbox toBob = CallbackInbox.of(bob);
    Opened byAlice = open(alice, "pool", "f");
    Opened byBob = open(bob, "scratch", "g");
    assertThat(byBob.handle()).as("another export").isNotEqualTo(byAlice.handle());
    Stateid4 ofAlice = layout(alice, byAlice);
    Stateid4 ofBob = layout(bob, byBob);

    Process breaker = IsolationFixture.breaker(path);

    LayoutRecalled fromAlice = toAlice.nextLayoutRecall();
    LayoutRecalled fromBob = toBob.nextLayoutRecall();
    assertNames(fromAlice, byAlice, ofAlice);
    assertNames(fromBob, byBob, ofBob);
    assertReturned(alice, fromAlice);
    assertReturned(bob, fromBob);
    assertEnds(breaker);
  }

  @Test
  void aClientWithBothHandlesHasALayoutOfEachAndIsAskedForBoth() throws Exception {
    FileCalls client = server.client("carol");
    CallbackInbox inbox = CallbackInbox.of(client);
    Opened one = open(client, "pool", "f");
    Stateid4 ofOne = layout(client, one);
    Opened other = open(client, "scratch", "g");
    Stateid4 ofOther = layout(client, other);
    assertThat(ofOther.withSeqid(0)).isNotEqualTo(ofOne.withSeqid(0));
    assertThat(client.layoutGet(other.handle(), ofOne, LayoutConst4.LAYOUTIOMODE4_READ).status())
        .as("the stateid of what it takes for another file")
        .isEqualTo("NFS4ERR_BAD_STATEID");

    Process breaker = IsolationFixture.breaker(path);

    Map<Stateid4, LayoutRecalled> recalled = new HashMap<>();
    for (int i = 0; i < 2; i++) {
      LayoutRecalled next = inbox.nextLayoutRecall();
      recalled.put(next.stateid().withSeqid(0), next);
    }
    assertThat(recalled).containsOnlyKeys(ofOne.withSeqid(0), ofOther.withSeqid(0));
    assertNames(recalled.get(ofOne.withSeqid(0)), one, ofOne);
    assertNames(recalled.get(ofOther.withSeqid(0)), other, ofOther);
    assertReturned(client, recalled.get(ofOne.withSeqid(0)));
    assertThat(breaker.isAlive()).as("the other one is still held").isTrue();
    assertReturned(client, recalled.get(ofOther.withSeqid(0)));
    assertEnds(breaker);
  }
}
